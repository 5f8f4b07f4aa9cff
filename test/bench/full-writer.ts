import Database from 'better-sqlite3';
import { writtenBytes } from './figure.js';

// `node full-writer.js FILE`: one transaction with synchronous=FULL for each reading; prints bytes written a reading.
const ROWS = 300;
const db = new Database(process.argv[2]!);
db.pragma('synchronous = FULL');
db.exec('CREATE TABLE readings (id INTEGER PRIMARY KEY, sensor TEXT, at INTEGER, value REAL)');
const insert = db.prepare('INSERT INTO readings (sensor, at, value) VALUES (?, ?, ?)');
const before = writtenBytes(process.pid);
for (let i = 0; i < ROWS; i++) insert.run(`s${i % 10}`, 1_770_000_000_000 + i, 5);
console.log((writtenBytes(process.pid) - before) / ROWS);
