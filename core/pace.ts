/** How long a gateway waits for others before a commit (`ring.flush`), and how many times as long with few rows. */
export const FLUSH_MS = 1000;
export const LINGER = 20;
/** How long fresh readings wait for company before they are sent (`relay.every`). */
export const SEND_EVERY_MS = 10_000;

/** At its default settings a gateway sends a reading this long after it was measured, at the latest. */
export const AGENT_WAIT_MS = FLUSH_MS * LINGER + SEND_EVERY_MS;
