import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Modem } from '../../agent/annunciate/sms/modem.js';
import { openSerialLink } from '../../agent/annunciate/sms/serial-link.js';
import { SystemClock } from '../../core/clock/system.js';
import { FakeModem, type ModemFaults } from '../world/modem.js';
import { until } from '../world/programs.js';
import type { PtyEnd } from '../world/pty.js';
import { openSocatPty } from '../world/pty.js';
import { need, tempFolder } from '../world/services.js';

const PHONE = '+254700000001';
let folder: ReturnType<typeof tempFolder>;
let pty: PtyEnd;
let driver: Modem | undefined;

beforeEach(async () => {
  need('socat', 'apt-get install socat');
  folder = tempFolder('modem');
  pty = await openSocatPty(folder.path, 'modem');
});
afterEach(async () => {
  await driver?.stop();
  await pty.close();
  folder.remove();
});

async function start(faults: ModemFaults, pin?: string) {
  const world = new FakeModem(pty, faults);
  const heard: string[] = [];
  const problems: string[] = [];
  const modem = new Modem({
    open: () => openSerialLink(pty.path, 115_200),
    pin,
    clock: new SystemClock(),
    onProblem: (problem) => void problems.push(problem),
  });
  driver = modem;
  modem.start((from, text) => void heard.push(`${from} ${text}`));
  const ready = () => until('the modem is ready', 20_000, () => modem.status().ready);
  return { world, modem, heard, problems, ready };
}

describe('the SMS modem on a serial line', () => {
  it('sends, and reads what comes in, also what came before it was asked', async () => {
    const { world, modem, heard, ready } = await start({});
    world.receive(PHONE, 'STATUS');
    await ready();
    await modem.send(PHONE, 'Fridge 1 is warm [€]');
    expect(world.sent.map((s) => `${s.to} ${s.text}`)).toEqual([`${PHONE} Fridge 1 is warm [€]`]);
    world.receive(PHONE, 'ACK 4711');
    await until('both texts', 10_000, () => heard.length === 2);
    expect(heard).toEqual([`${PHONE} STATUS`, `${PHONE} ACK 4711`]);
    expect(world.commands.some((c) => c.startsWith('AT+CMGD='))).toBe(true);
    expect(modem.status()).toEqual({ ready: true, signal: 17, problem: null });
  });

  it('works with echo on, and with lines that nobody asked for inside answers', async () => {
    const { world, modem, ready } = await start({ echo: true, chatty: true });
    await ready();
    await modem.send(PHONE, 'x'.repeat(400));
    expect(world.sent[0]!.text).toBe('x'.repeat(400));
  });

  it('gives up without a prompt, with ESC, and says that trying again can help', async () => {
    const { world, modem, ready } = await start({ noPrompt: true });
    await ready();
    await expect(modem.send(PHONE, 'x')).rejects.toMatchObject({ code: 'modem.failed', retry: true });
    world.faults.noPrompt = false;
    await modem.send(PHONE, 'again');
    expect(world.sent.map((s) => s.text)).toEqual(['again']);
  });

  it.each([
    [38, true],
    [515, true],
    [21, false],
    [304, false],
  ])('on +CMS ERROR %i, trying again is %s', async (code, retry) => {
    const { modem, ready } = await start({ refuse: { code, times: 1 } });
    await ready();
    await expect(modem.send(PHONE, 'x')).rejects.toMatchObject({ code: 'modem.failed', retry });
    await modem.send(PHONE, 'next');
  });

  it('restarts a modem that answers 500 again and again', async () => {
    const { world, modem, ready } = await start({ refuse: { code: 500, times: 3 } });
    await ready();
    for (let i = 0; i < 3; i++) await expect(modem.send(PHONE, 'x')).rejects.toMatchObject({ retry: true });
    expect(world.commands).toContain('AT+CFUN=1,1');
  });

  it('tries a PIN once, and never again after a refusal', async () => {
    const { world, problems } = await start({ pin: '1234' }, '9999');
    await until('the refusal', 20_000, () => problems.some((p) => p.includes('refused the PIN')));
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    expect(world.commands.filter((c) => c.startsWith('AT+CPIN=')).length).toBe(1);
  });

  it('unlocks with the right PIN', async () => {
    const { modem, world, ready } = await start({ pin: '1234' }, '1234');
    await ready();
    await modem.send(PHONE, 'unlocked');
    expect(world.sent).toHaveLength(1);
  });
});
