import type { Server } from "node:http";
export declare function continueWhenAdmitted(server: Server): void;
