/** A way to send and receive texts: our modem driver, and whatever a site may use instead. */
export interface SmsTransport {
  start(onText: (from: string, text: string) => void): void;
  /**
   * Resolves when the network has taken every part. Rejects with modem.failed (retry says whether trying again can
   * help) or modem.unknown_outcome (it may have gone out).
   */
  send(number: string, text: string): Promise<void>;
  status(): SmsStatus;
  stop(): Promise<void>;
}

export interface SmsStatus {
  ready: boolean;
  /** 0 to 31, or null when the modem does not know. */
  signal: number | null;
  problem: string | null;
}
