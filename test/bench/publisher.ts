import { connectAsync } from 'mqtt';

// A process of its own: `node publisher.js URL COUNT` sends COUNT readings of 50 sensors with QoS 1, as fast as it can.
const [url, count] = process.argv.slice(2);
const client = await connectAsync(url!);
let window: Promise<unknown>[] = [];
for (let i = 0; i < Number(count); i++) {
  const payload = JSON.stringify({ temperature: 4 + (i % 40) / 10, n: i, battery: 97, linkquality: 72 });
  window.push(client.publishAsync(`bench/s${i % 50}`, payload, { qos: 1 }));
  if (window.length >= 2000) {
    await window[0];
    window = window.slice(1000);
  }
}
await Promise.all(window);
await client.endAsync();
