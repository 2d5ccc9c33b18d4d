import { serveVerifiers } from "./serving.ts";

serveVerifiers();
