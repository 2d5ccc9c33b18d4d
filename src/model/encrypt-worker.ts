import { openSealer } from "./seal.ts";
import { serveStation } from "./station.ts";

serveStation(openSealer);
