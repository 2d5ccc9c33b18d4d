/**
 * The two families of peers: they differ in the statuses and names of errors, in the bodies of a few administrators' calls, and in what a
 * resource policy is given (trustee.md §1.12). Messages of the handshake are the same.
 */
export const PEER_FAMILIES = ["openanolis", "coco"] as const;
export type PeerFamily = (typeof PEER_FAMILIES)[number];
