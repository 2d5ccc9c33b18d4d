import { serveStation } from "./station.ts";
import { openUnsealer } from "./unseal.ts";

serveStation(openUnsealer);
