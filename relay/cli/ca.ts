import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseDuration } from '../../core/units.js';
import { SystemClock } from '../../host/clock.js';
import { misuse, print } from '../../host/output.js';

/** A name or an address, as a certificate has it. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$/;

export function caCommand(): Command {
  return new Command('ca')
    .description('the authority that certifies gateways, and this relay to them')
    .addCommand(
      new Command('init')
        .description('makes an authority in a folder of its own; keep a copy of the folder in a safe place')
        .argument('<FOLDER>', 'empty, or not there yet')
        .option('--name <NAME>', 'what it is called in certificates', 'coldwatch')
        .action((folder: string, { name }: { name: string }) => make(folder, name, 'init')),
    )
    .addCommand(
      new Command('rotate')
        .description('a new authority beside the former: what that certified is believed until it ends')
        .argument('<FOLDER>', 'of the authority')
        .option('--name <NAME>', 'what it is called in certificates', 'coldwatch')
        .action((folder: string, { name }: { name: string }) => make(folder, name, 'rotate')),
    )
    .addCommand(
      new Command('server')
        .description(
          'key and certificate of a relay, for http.tls; gateways believe it by the authority’s ca.pem',
        )
        .argument('<FOLDER>', 'of the authority')
        .requiredOption('--names <NAME,…>', 'host names and addresses that gateways reach the relay by')
        .option('--for <DURATION>', 'how long it is good', '825d')
        .option('--out <FOLDER>', 'where relay.pem and relay.key go', '.')
        .action(server),
    );
}

async function make(folder: string, name: string, wanted: 'init' | 'rotate'): Promise<void> {
  if (!/^[\w .-]{1,60}$/.test(name))
    return misuse(`--name: got ${JSON.stringify(name)}, expected 1 to 60 letters, digits, spaces, . _ -`);
  const { Authority, hasAuthority, makeAuthority } = await import('../enrol/ca.js');
  const there = hasAuthority(folder);
  if (there && wanted === 'init')
    return misuse(
      `${folder} has an authority already; a new one beside it: coldwatch relay ca rotate ${folder}`,
    );
  if (!there && wanted === 'rotate')
    return misuse(`${folder} has no authority yet: coldwatch relay ca init ${folder}`);
  // One that cannot be used would be carried along for ever.
  if (there) await Authority.open(folder);
  await makeAuthority(folder, name, new SystemClock().wall());
  print(`${folder}: ca.pem may be seen by anybody (gateways get it), ca.key by the relay alone.`);
  if (there)
    print(
      'The former authority is believed until its certificates end. Start the relays again. Once each gateway has its next certificate, and so knows the new authority, make the relays’ own anew: coldwatch relay ca server',
    );
}

async function server(folder: string, options: { names: string; for: string; out: string }): Promise<void> {
  const names = options.names.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined)
    return misuse(`--names: got ${JSON.stringify(wrong)}, expected a host name or an address`);
  const ms = parseDuration(options.for);
  if (ms === undefined || ms < 60_000)
    return misuse(`--for: got ${options.for}, expected a duration such as 825d`);
  const { Authority } = await import('../enrol/ca.js');
  const authority = await Authority.open(folder);
  const until = new Date(new SystemClock().wall() + ms);
  const { certificate, key } = await authority.certifyRelay(names, until);
  writeFileSync(join(options.out, 'relay.key'), key, { mode: 0o600 });
  writeFileSync(join(options.out, 'relay.pem'), certificate);
  print(
    `${options.out}: relay.pem and relay.key, good until ${until.toISOString().slice(0, 10)}, for ${names.join(', ')}.`,
  );
}
