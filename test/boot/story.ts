import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { generator } from '../../core/random.js';
import { until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { arrived, DWELL_S, type NumberedProbe } from './clinic.js';
import { expectThat, type Steps } from './steps.js';
import type { World } from './world.js';

export interface Options {
  short: boolean;
  kills: number;
  seed: number;
}

const run = promisify(execFile);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const HWMON_C = 4.5;
const RELAY_MS = 120_000;
const AGENT_MS = 300_000;
/** WatchdogSec of the agent's unit, and what starting again takes where all is emulated. */
const HUNG_MS = 90_000 + 180_000;
/** RuntimeWatchdogSec of the image, with room; the boot behind it is counted apart. */
const KERNEL_HUNG_MS = 120_000;
const ALARM_MS = 120_000;
const SECRET_MS = 180_000;
const KILL_AFTER_MS = 20_000;
const ALL_THERE_MS = 300_000;

/** What is done with a card, in this order: each step leaves a machine that runs. */
export async function steps(world: World, report: Steps, { short, kills, seed }: Options): Promise<void> {
  const { machine } = world;
  await report.step('boots from the card, under systemd, to a log-in by key', async () => {
    const ms = await world.powerOn();
    const [up] = (await machine.shell('cat /proc/uptime')).split(' ');
    return `${Math.round(ms / 1000)} s from power on, ${Math.round(Number(up))} of them the kernel's`;
  });
  await report.step('the agent is up, told so itself, and nothing failed', () => agentUp(world));
  await report.step('a probe on hwmon is read through the kernel', async () => {
    await plantChip(world, HWMON_C);
    await world.reading('hwmon', HWMON_C);
    return `${HWMON_C} °C from an LM75 on the kernel's stub of a bus`;
  });
  await report.step('a probe on a serial adapter is read', async () => {
    await world.reading('serial', world.serial);
    return `${world.serial} °C through ftdi_sio, by its socket's name`;
  });
  await report.step('the clock is set, and both are in the relay’s log', () => forwarded(world));
  if (short) return;
  await report.step('the card is what docs/image.md says', () => asPromised(world));
  await report.step('a secret encrypted for this machine opens the relay', () => encryptedSecret(world));
  await report.step('a hung agent is started anew by the watchdog', () => hungAgent(world));
  await report.step('pulled plugs in an excursion lose nothing that was confirmed', () =>
    pulledPlugs(world, kills, seed),
  );
  await report.step('a bad link', () => badLink(world));
  await report.step('a card that fails in places', () => badCard(world));
  await report.step('a hung kernel is reset by the hardware watchdog', () => hungKernel(world));
  await report.step('a wrong site file on the card is refused, and told beside it', () => wrongSite(world));
  await report.step('without a data partition it guards from memory', () => noData(world));
}

async function agentUp({ machine }: World): Promise<string> {
  const show = async (property: string) =>
    (await machine.shell(`systemctl show --value -p ${property} coldwatch-agent`)).trim();
  await until('the agent to be active', AGENT_MS, async () => (await show('ActiveState')) === 'active');
  const failed = (await machine.shell('systemctl list-units --failed --plain --no-legend')).trim();
  expectThat(failed === '', `failed: ${failed}`);
  const memory = Number(await show('MemoryCurrent')) / 1024 / 1024;
  return `${memory.toFixed(0)} MB with its files in memory`;
}

/** A chip of the LM75's kind that says so many °C. The kernel's stub forgets it at each boot. */
async function plantChip({ machine }: World, celsius: number): Promise<void> {
  // Register 0, in 256ths, the high byte first; SMBus words go low byte first.
  const word = Math.round(celsius * 256) & 0xffff;
  const swapped = ((word & 0xff) << 8) | (word >> 8);
  await machine.shell(
    [
      'sudo modprobe i2c-dev && sudo modprobe i2c-stub chip_addr=0x48',
      "bus=$(sudo i2cdetect -l | sed -n 's/^i2c-\\([0-9]*\\).*stub.*/\\1/p')",
      `sudo i2cset -y "$bus" 0x48 0 0x${swapped.toString(16)} w`,
      'echo lm75 0x48 | sudo tee "/sys/bus/i2c/devices/i2c-$bus/new_device" >/dev/null',
    ].join(' && '),
  );
}

async function forwarded(world: World): Promise<string> {
  const found = await until('readings of both probes at the relay', RELAY_MS, () => {
    const seen = readEmbedded(world.logFolder).filter(({ topic }) => topic === 'iot.temperature');
    const of = (sensor: string) => seen.filter(({ message }) => message.sensor === sensor);
    const [hwmon, serial] = [of('hwmon'), of('serial')];
    const set = hwmon.some(({ message }) => message.time_quality === 'synchronised');
    if (serial.length > 0 && set) return { hwmon: hwmon.length, serial: serial.length };
    throw new Error(`${hwmon.length} and ${serial.length}, clock set: ${set}`);
  });
  return `${found.hwmon} of hwmon, ${found.serial} of the serial probe, time by systemd-timesyncd`;
}

async function asPromised({ machine }: World): Promise<string> {
  const of = async (command: string) => (await machine.shell(command)).trim();
  const lower = await of('findmnt -no FSTYPE,OPTIONS /run/root/lower');
  expectThat(/^squashfs\s+ro/.test(lower), `the root below is ${lower}`);
  const dataMb = Number(await of('df --output=size -m /data | tail -1'));
  expectThat(dataMb > 1500, `the data partition has ${dataMb} MB and has not grown`);
  const ring = await of('findmnt -no SOURCE,FSTYPE /var/lib/coldwatch');
  expectThat(ring.includes('ext4'), `the ring is on ${ring}`);
  const open = await of("sudo awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow");
  expectThat(open === '', `with a password: ${open}`);
  const watchdog = await of('cd /sys/class/watchdog/watchdog0 && cat identity state');
  expectThat(/\nactive$/.test(watchdog), `the watchdog: ${watchdog}`);
  const refused = await run('ssh', [
    ...[
      '-p',
      String(machine.ports.ssh),
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
    ],
    ...['-o', 'PubkeyAuthentication=no', '-o', 'BatchMode=yes', 'technician@127.0.0.1', 'true'],
  ]).then(
    () => 'let in',
    (error: { stderr: string }) => error.stderr,
  );
  expectThat(refused.includes('Permission denied (publickey)'), `without a key: ${refused}`);
  const journal = await of('journalctl --disk-usage');
  return `root ${lower.split(/\s+/)[0]} read-only, data grown to ${dataMb} MB, ${watchdog.replace(/\n/g, ' ')}, ${journal}`;
}

/** As docs/technician.md says; the plain file goes. */
async function encryptedSecret(world: World): Promise<string> {
  const { machine } = world;
  const unit = '/run/systemd/system/coldwatch-agent.service.d';
  const secret = '/etc/credstore.encrypted/relay-token';
  const setting = `LoadCredentialEncrypted=relay-token:${secret}`;
  await machine.shell(
    [
      `sudo mkdir -p /etc/credstore.encrypted ${unit}`,
      'sudo mv /etc/coldwatch/credentials/relay-token /run/relay-token',
      `sudo systemd-creds encrypt --name=relay-token /run/relay-token ${secret}`,
      `printf '[Service]\\n${setting}\\n' | sudo tee ${unit}/secrets.conf >/dev/null`,
      'sudo systemctl daemon-reload && sudo systemctl restart coldwatch-agent',
    ].join(' && '),
    SECRET_MS,
  );
  await until('the relay to let it in', RELAY_MS, async () => (await world.status()).relay.connected);
  const size = await machine.shell(`sudo stat -c %s ${secret}`);
  await machine.shell(
    `sudo mv /run/relay-token /etc/coldwatch/credentials/ && sudo rm -r ${unit} && sudo systemctl daemon-reload && sudo systemctl restart coldwatch-agent`,
    SECRET_MS,
  );
  return `${size.trim()} bytes on the card, by LoadCredentialEncrypted`;
}

async function hungAgent(world: World): Promise<string> {
  const { machine } = world;
  const pid = async () => (await machine.shell('systemctl show --value -p MainPID coldwatch-agent')).trim();
  const before = await pid();
  const began = Date.now();
  await machine.shell(`sudo kill -STOP ${before}`);
  const after = await until('another process', HUNG_MS, async () => {
    const now = await pid();
    return now !== before && now !== '0' && now;
  });
  await world.reading('hwmon', HWMON_C);
  const seconds = Math.round((Date.now() - began) / 1000);
  const why = await machine.shell(
    'sudo journalctl -b -u coldwatch-agent --no-pager | grep -c "Watchdog timeout"',
  );
  expectThat(Number(why) > 0, 'systemd did not speak of its watchdog');
  return `process ${before} stopped, ${after} reads again after ${seconds} s`;
}

const openExcursion = async (world: World) =>
  (await world.status()).open_alerts.find((a) => a.sensor === 'numbered' && a.alert_type === 'excursion');

/** The alarm is on within the dwell where it was not, and at once where it was. */
async function alarmOn(world: World): Promise<string> {
  const alert = await until('the alarm', ALARM_MS, () => openExcursion(world));
  return alert.episode_id;
}

async function pulledPlugs(world: World, kills: number, seed: number): Promise<string> {
  const random = generator(seed);
  const probe = world.numbered();
  try {
    const episode = await alarmOn(world);
    const onAfter: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      await pause(random() * KILL_AFTER_MS);
      await world.pullPlug();
      await world.powerOn();
      const began = Date.now();
      const again = await alarmOn(world);
      onAfter.push(Math.round((Date.now() - began) / 1000));
      expectThat(again === episode, `another episode after plug ${kill + 1}: ${again}, before ${episode}`);
    }
    await pause(DWELL_S * 1000);
    await probe.stop();
    return `${await everyConfirmed(world, probe)}; alarm on again ${onAfter.join(', ')} s after the log-in, one episode`;
  } finally {
    await probe.stop();
  }
}

async function everyConfirmed(world: World, probe: NumberedProbe): Promise<string> {
  const { confirmed } = probe;
  const twice = await until('every confirmed reading at the relay', ALL_THERE_MS, async () => {
    await pause(1000);
    const there = arrived(world.logFolder);
    const missing = [...confirmed].filter((n) => !there.has(n));
    if (missing.length > 0)
      throw new Error(`${missing.length} of ${confirmed.size} missing: ${missing.slice(0, 20)}`);
    return { count: [...there.values()].filter((times) => times > 1).length };
  });
  return `${confirmed.size} confirmed, all there, ${twice.count} twice (sent again as unconfirmed)`;
}

const LINK = 'delay 400ms 200ms loss 15% duplicate 2% corrupt 1%';

async function badLink(world: World): Promise<string> {
  const { machine } = world;
  const device = (await machine.shell("ip -o route get 10.0.2.2 | sed 's/.*dev \\([^ ]*\\).*/\\1/'")).trim();
  await machine.shell('sudo modprobe sch_netem');
  await machine.shell(`sudo tc qdisc add dev ${device} root netem ${LINK}`);
  const probe = world.numbered();
  await pause(60_000);
  await probe.stop();
  const seen = await everyConfirmed(world, probe);
  await machine.shell(`sudo tc qdisc del dev ${device} root`, 180_000);
  return `netem ${LINK}: ${seen}`;
}

/** The ring moves onto a disk of the device mapper, which then refuses every write, as a worn card does. */
const ONTO_FLAKY = [
  'sudo modprobe -a loop dm-flakey && sudo truncate -s 256M /data/flaky.img',
  'loop=$(sudo losetup -f --show /data/flaky.img) && size=$(sudo blockdev --getsz "$loop")',
  'echo "0 $size linear $loop 0" | sudo dmsetup create flaky && sudo mkfs.ext4 -q /dev/mapper/flaky',
  'sudo systemctl stop coldwatch-agent && sudo mount /dev/mapper/flaky /mnt',
  'sudo cp -a /var/lib/coldwatch/. /mnt/ && sudo chown coldwatch: /mnt && sudo umount /mnt',
  'sudo mount -o errors=remount-ro /dev/mapper/flaky /var/lib/coldwatch && sudo systemctl start coldwatch-agent',
];
const REFUSE_WRITES = [
  'table=$(sudo dmsetup table flaky) && loop=$(sudo losetup -j /data/flaky.img | cut -d: -f1)',
  'size=$(sudo blockdev --getsz "$loop") && sudo dmsetup suspend --nolockfs flaky',
  'echo "0 $size flakey $loop 0 0 3600 1 error_writes" | sudo dmsetup reload flaky && sudo dmsetup resume flaky',
];

async function badCard(world: World): Promise<string> {
  const { machine } = world;
  await machine.shell(ONTO_FLAKY.join(' && '), 180_000);
  const probe = world.numbered();
  try {
    await until('readings on that card', RELAY_MS, () => probe.confirmed.size > 20);
    await machine.shell(REFUSE_WRITES.join(' && '), 120_000);
    const before = probe.confirmed.size;
    await until('a storage alert', ALARM_MS, async () =>
      (await world.status()).open_alerts.find(({ alert_type }) => alert_type === 'storage'),
    );
    await until('confirmations without a card', ALARM_MS, () => probe.confirmed.size > before + 20);
    await probe.stop();
    return `dm-flakey refuses every write: a storage alert, and ${await everyConfirmed(world, probe)}`;
  } finally {
    await probe.stop();
  }
}

async function hungKernel(world: World): Promise<string> {
  const { machine } = world;
  // A panic restarts by itself after 10 s; a kernel that only hangs does not.
  await machine.shell('sudo sysctl -q kernel.panic=0 kernel.sysrq=1');
  machine.shell('echo c | sudo tee /proc/sysrq-trigger', KERNEL_HUNG_MS).catch(() => {});
  const ms = await machine.booted();
  await plantChip(world, HWMON_C);
  await world.reading('hwmon', HWMON_C);
  return `reads again, ${Math.round(ms / 1000)} s after the panic`;
}

const WRONG_SITE =
  'clinic: { id: boot, name: Boot }\ngateway: boot-1\ndata: /var/lib/coldwatch\nsensors: [{ id: hwmon, modle: x }]\n';

async function wrongSite(world: World): Promise<string> {
  const file = `${world.folder}/wrong.yaml`;
  writeFileSync(file, WRONG_SITE);
  await world.pullPlug();
  await world.card.write(file, '/coldwatch/site.yaml');
  await world.powerOn();
  await world.reading('serial', world.serial);
  await world.pullPlug();
  const told = await world.card.read('/coldwatch/problems.txt');
  expectThat(/modle/.test(told), `problems.txt says ${JSON.stringify(told)}`);
  return `guards by the one before; problems.txt: ${told.split('\n')[0]}`;
}

async function noData(world: World): Promise<string> {
  await world.pullPlug();
  await world.card.spoilData();
  await world.card.write(`${world.folder}/site`, '/coldwatch');
  await world.powerOn();
  await world.reading('serial', world.serial);
  const where = await world.machine.shell('findmnt -n /data || echo none');
  expectThat(where.trim() === 'none', `there is a data partition: ${where}`);
  const probe = world.numbered();
  await pause(30_000);
  await probe.stop();
  return everyConfirmed(world, probe);
}
