/**
 * The device that a topic names, by a model's pattern: `{device}` is a level, `{device*}` the levels up to what
 * follows, `+` a level that says nothing. `zigbee2mqtt/{device*}`, `tele/{device}/SENSOR`. Undefined when it is no such
 * topic.
 */
export function deviceOfTopic(pattern: string, topic: string): string | undefined {
  const source = pattern
    .split('/')
    .map((level) => {
      if (level === '{device}') return '(?<device>[^/]+)';
      if (level === '{device*}') return '(?<device>.+)';
      return level === '+' ? '[^/]+' : level.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('/');
  return new RegExp(`^${source}$`).exec(topic)?.groups?.device;
}
