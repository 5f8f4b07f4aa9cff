import { deviceConfigs, openLibrary } from '../../agent/site/library.js';
import { table } from './markdown.js';

/** Every device model that is shipped. */
export function devicesTable(): string {
  const { models } = openLibrary(deviceConfigs()).library;
  const rows = [...models.keys()].map((key) => {
    const { name, protocol, range, checked, every } = models.get(key)!;
    const { transport } = protocol;
    const kind = transport === 'mqtt' ? `mqtt, ${protocol.payload}` : transport;
    const spans = Object.entries(range).map(([quantity, [low, high]]) => `${quantity} ${low} to ${high}`);
    return [`\`${key}\``, name, kind, spans.join(', '), `${every / 1000} s`, checked ? 'yes' : 'no'];
  });
  return table(['Model', 'Device', 'Speaks', 'Measures', 'Every', 'Checked'], rows);
}
