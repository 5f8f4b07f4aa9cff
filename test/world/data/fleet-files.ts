import { writeFileSync } from 'node:fs';
import { fleetCsv, simulateFridge } from './fleet.js';

/** `node fleet-files.js FOLDER FIRST_SEED SENSORS DAYS`: readings.csv and labels.json of simulated fridges. */
const [folder, first, sensors, days] = process.argv.slice(2);
const fleet = Array.from({ length: Number(sensors) }, (_, i) =>
  simulateFridge(Number(first) + i, Number(days)),
);
writeFileSync(`${folder}/readings.csv`, fleetCsv(fleet));
writeFileSync(`${folder}/labels.json`, JSON.stringify(fleet.flatMap(({ events }) => events)));
