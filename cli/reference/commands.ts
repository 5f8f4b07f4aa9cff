import { Command } from 'commander';
import { COMMANDS } from '../commands.js';
import { sentence, table } from './markdown.js';

/** Every command with its arguments and options, from its own help. */
export async function commandsText(): Promise<string> {
  const top = new Command('coldwatch');
  for (const load of Object.values(COMMANDS)) top.addCommand(await load());
  return top.commands.flatMap((command) => textOf(command, 'coldwatch')).join('\n\n');
}

function textOf(command: Command, before: string): string[] {
  const name = `${before} ${command.name()}`;
  const help = command.createHelp();
  const rows = [
    ...help
      .visibleArguments(command)
      .map((argument) => [
        `\`${argument.required ? `<${bare(argument.name())}>` : `[${bare(argument.name())}]`}\``,
        argument.description,
        '',
      ]),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map((option) => [
        `\`${option.flags}\``,
        `${sentence(option.description)}${option.mandatory ? ' (needed)' : ''}`,
        defaultOf(option.defaultValue),
      ]),
  ];
  const usage = command.commands.length === 0 || rows.length > 0;
  const own = [
    `## ${name}`,
    ...(command.description() ? [`${sentence(command.description())}.`] : []),
    ...(usage ? [`\`\`\`sh\n${name} ${command.usage().replace('[command]', '').trim()}\n\`\`\``] : []),
    ...(rows.length > 0 ? [table(['Option', 'What it does', 'Default'], rows)] : []),
  ];
  const subs = command.commands.filter((sub) => sub.name() !== 'help');
  return [own.join('\n\n'), ...subs.flatMap((sub) => textOf(sub, name))];
}

const bare = (name: string) => name.replace(/^<|>$/g, '');

function defaultOf(value: unknown): string {
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return '';
  return `\`${Array.isArray(value) ? value.join(',') : String(value)}\``;
}
