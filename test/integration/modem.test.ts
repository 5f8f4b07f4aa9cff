import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Modem } from '../../agent/annunciate/sms/modem.js';
import { PinMemory } from '../../agent/annunciate/sms/pin.js';
import { openSerialLink } from '../../agent/annunciate/sms/serial-link.js';
import { SystemClock } from '../../host/clock.js';
import { FakeModem, type ModemFaults } from '../world/probes/modem.js';
import type { PtyEnd } from '../world/probes/pty.js';
import { openSocatPty } from '../world/probes/pty.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { need, tempFolder } from '../world/run/services.js';

const PHONE = '+254700000001';
let folder: ReturnType<typeof tempFolder>;
let pty: PtyEnd;
let driver: Modem | undefined;

beforeEach(async () => {
  need('socat', 'apt-get install socat');
  folder = tempFolder('modem');
  card = { note: undefined, takes: true };
  pty = await openSocatPty(folder.path, 'modem');
});
afterEach(async () => {
  await driver?.stop();
  await pty.close();
  folder.remove();
});

/** What the card keeps from one start to the next. */
let card: { note: unknown; takes: boolean };
const notes = () => ({
  load: () => card.note,
  save: (note: unknown) => {
    card.note = JSON.parse(JSON.stringify(note));
  },
  saveDurably: async (note: unknown) => {
    if (!card.takes) throw new Error('the card is full');
    card.note = JSON.parse(JSON.stringify(note));
  },
});
const pinsSent = (world: FakeModem) => world.commands.filter((command) => command.startsWith('AT+CPIN='));

async function start(given: ModemFaults | FakeModem, pin?: string) {
  const world = given instanceof FakeModem ? given : new FakeModem(pty, given);
  const heard: string[] = [];
  const problems: string[] = [];
  const modem = new Modem({
    open: () => openSerialLink(pty.path, 115_200),
    pin: pin === undefined ? undefined : { code: pin, memory: new PinMemory(notes()) },
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

  it('tries a PIN once, and never again after a refusal, however late it came, until there is another one', async () => {
    const { world, modem, problems } = await start({ pin: '1234', pinMs: 8000 }, '9999');
    await until('the refusal', 30_000, () => problems.some((p) => p.includes('refused the PIN')));
    await until('another look', 20_000, () => world.commands.filter((c) => c === 'AT+CPIN?').length > 1);
    expect(pinsSent(world)).toHaveLength(1);
    expect(JSON.stringify(card.note)).not.toContain('9999');
    await modem.stop();
    const again = await start(world, '9999');
    await until('the same refusal', 20_000, () => again.problems.some((p) => p.includes('refused the PIN')));
    expect(pinsSent(world)).toHaveLength(1);
    await again.modem.stop();
    const right = await start(world, '1234');
    await right.ready();
    expect(pinsSent(world)).toEqual(['AT+CPIN=9999', 'AT+CPIN=1234']);
  });

  it('does not send a PIN again whose answer nobody heard, unless the modem says that no try is used up', async () => {
    const { world, modem } = await start({ pin: '1234', pinMs: Number.POSITIVE_INFINITY }, '1234');
    await until('the PIN', 20_000, () => pinsSent(world).length === 1);
    await modem.stop();
    const unsure = await start(world, '1234');
    await until('word of it', 20_000, () => unsure.problems.some((p) => p.includes('nobody knows')));
    expect(pinsSent(world)).toHaveLength(1);
    await unsure.modem.stop();
    Object.assign(world.faults, { tellsTries: true, pinMs: 0 });
    const sure = await start(world, '1234');
    await sure.ready();
    expect(pinsSent(world)).toHaveLength(2);
  });

  it('does not send a PIN that cannot be noted', async () => {
    card.takes = false;
    const { world, problems, ready } = await start({ pin: '1234' }, '1234');
    await until('word of it', 20_000, () => problems.some((p) => p.includes('cannot be noted')));
    expect(pinsSent(world)).toHaveLength(0);
    card.takes = true;
    await ready();
  });

  it.each([
    ['says so', false],
    ['says nothing', true],
  ])(
    'sets a modem up anew that has restarted behind the open port and %s, and sends what failed',
    async (_, silent) => {
      const { world, modem, ready } = await start({ pin: '1234' }, '1234');
      await ready();
      world.restart(silent);
      const sent = (async () => {
        for (;;) {
          const failure = await modem.send(PHONE, 'hot').then(
            () => undefined,
            (error: unknown) => error as { retry: boolean },
          );
          if (!failure) return;
          expect(failure.retry).toBe(true);
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
      })();
      await sent;
      expect(world.sent.map(({ text }) => text)).toEqual(['hot']);
      expect(pinsSent(world)).toHaveLength(2);
    },
  );

  it('takes a text that was under way when the modem restarted for one to be sent again, at once', async () => {
    const { world, modem, ready } = await start({ silentAfterText: 1 });
    await ready();
    const first = modem.send(PHONE, 'hot');
    await until('the text', 10_000, () => world.sent.length === 1);
    world.restart();
    await expect(first).rejects.toMatchObject({ code: 'modem.failed', retry: true });
  });

  it('unlocks with the right PIN', async () => {
    const { modem, world, ready } = await start({ pin: '1234' }, '1234');
    await ready();
    await modem.send(PHONE, 'unlocked');
    expect(world.sent).toHaveLength(1);
  });
});

describe('the agent and a locked SIM', () => {
  it('sends a wrong PIN once, through kill -9 and restarts', async () => {
    const world = new FakeModem(pty, { pin: '1234' });
    const httpPort = await freePort();
    const site = {
      clinic: { id: 'c', name: 'Clinic' },
      gateway: 'g',
      data: `${folder.path}/data`,
      sms: { port: pty.path, pin: '9999' },
      http: { host: '127.0.0.1', port: httpPort },
    };
    let agent = new Program('agent', site, folder.path);
    await until('the PIN', 30_000, () => pinsSent(world).length === 1);
    await agent.kill();
    for (let round = 0; round < 2; round++) {
      const asked = world.commands.filter((command) => command === 'AT+CPIN?').length;
      agent = new Program('agent', site, folder.path);
      await until('the agent', 20_000, () => getJson(`http://127.0.0.1:${httpPort}/api/status`));
      await until('its look at the SIM', 30_000, () => {
        return world.commands.filter((command) => command === 'AT+CPIN?').length > asked;
      });
      await (round === 0 ? agent.kill() : agent.stop());
    }
    expect(pinsSent(world)).toEqual(['AT+CPIN=9999']);
  });
});
