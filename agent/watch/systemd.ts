import { spawn } from 'node:child_process';
import { type Clock, every, type Timer } from '../../core/clock/clock.js';

/**
 * systemd's service protocol. Node has no Unix datagram sockets, so systemd-notify carries the words
 * (NotifyAccess=all in the unit). The watchdog is fed only while `healthy` says that sampling really goes on.
 */
export function systemdNotifier(clock: Clock, env: NodeJS.ProcessEnv, healthy: () => boolean) {
  let timer: Timer | undefined;

  function notify(...words: string[]): void {
    if (!env.NOTIFY_SOCKET) return;
    const child = spawn('systemd-notify', words, { stdio: 'ignore', env });
    child.on('error', () => {});
    child.unref();
  }

  return {
    ready(): void {
      notify('--ready');
      const watchdogMs = Number(env.WATCHDOG_USEC) / 1000;
      if (watchdogMs > 0) timer = every(clock, watchdogMs / 3, () => healthy() && notify('WATCHDOG=1'));
    },
    stopping(): void {
      timer?.cancel();
      notify('STOPPING=1');
    },
  };
}
