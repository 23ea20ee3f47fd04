/**
 * The mark on thinking that no Claude wrote. Clients send thinking back with its signature, and Claude refuses
 * any but its own, so ours is recognisable and is taken out again before Claude.
 */
export const GATEWAY_SIGNATURE = 'gw1.Z2F0ZXdheQ';
