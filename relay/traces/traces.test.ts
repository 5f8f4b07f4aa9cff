import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, expect, it } from 'vitest';
import type { Batch } from '../../core/contract/batch.js';
import { SystemClock } from '../../host/clock.js';
import { OtlpExporter } from './otlp.js';
import { spansOf } from './spans.js';

const AT = Date.UTC(2026, 10, 21, 6);
const head = { clinic: 'c', gateway: 'g', epoch: '00112233aabbccdd', backfill: false };
const readings: Batch = {
  ...head,
  stream: 'readings',
  from: 9,
  to: 11,
  rows: [9, 10, 11].map((seq) => ({
    sensor: 'f',
    quantity: 'temperature' as const,
    measuredAt: AT + seq,
    estimated: false,
    milli: 4250,
    quality: 0,
  })),
};
const alert = {
  alert_id: 'a',
  episode_id: 'e',
  alert_type: 'excursion' as const,
  timestamp: new Date(AT).toISOString(),
  kpi: { name: 'temperature', value: 9, threshold: 8, unit: 'Cel' },
  severity: 'critical' as const,
  state: 'raised' as const,
  rule: 'warm',
  since: new Date(AT).toISOString(),
  sensor: 'f',
  summary: 'warm',
  reading_seq: 10,
};
const events: Batch = { ...head, stream: 'events', from: 3, to: 3, rows: [{ type: 'alert', alert }] };

const bodies: unknown[] = [];
let status = 200;
const server = createServer(async (request: IncomingMessage, response) => {
  let text = '';
  for await (const part of request) text += part;
  bodies.push({ path: request.url, auth: request.headers['x-key'], body: JSON.parse(text) });
  response.statusCode = status;
  response.end('{}');
});
const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => server.close());

it('an alert hangs below the reading that brought it, and both reach a collector', async () => {
  await listening;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const exporter = new OtlpExporter(
    { url, headers: { 'x-key': 'k' } },
    new SystemClock(),
    pino({ level: 'silent' }),
  );
  const spans = [...spansOf(readings, 10, AT + 500), ...spansOf(events, 10, AT + 900)];
  expect(spans.map(({ name }) => name)).toEqual(['reading temperature', 'alert excursion raised']);
  for (const span of spans) exporter.add(span);
  status = 503;
  await exporter.flush();
  expect(exporter.stats).toEqual({ exported: 0, dropped: 0 });
  status = 200;
  await exporter.close();
  expect(exporter.stats).toEqual({ exported: 2, dropped: 0 });
  expect(bodies).toHaveLength(2);
  const trace = '00112233aabbccdd000000000000000a';
  expect(bodies[1]).toMatchObject({
    path: '/v1/traces',
    auth: 'k',
    body: {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'coldwatch-relay' } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: trace,
                  spanId: '000000000000000a',
                  startTimeUnixNano: `${AT + 10}000000`,
                  endTimeUnixNano: `${AT + 500}000000`,
                },
                { traceId: trace, spanId: 'e000000000000003', parentSpanId: '000000000000000a' },
              ],
            },
          ],
        },
      ],
    },
  });
});

it('spans that nobody takes are bounded, and counted', async () => {
  const nowhere = { url: 'http://127.0.0.1:9', headers: {} };
  const exporter = new OtlpExporter(nowhere, new SystemClock(), pino({ level: 'silent' }));
  const [span] = spansOf(readings, 10, AT);
  for (let i = 0; i < 5000; i++) exporter.add(span!);
  await exporter.close();
  expect(exporter.stats).toEqual({ exported: 0, dropped: 904 });
});
