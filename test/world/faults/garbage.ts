import Database from 'better-sqlite3';

// Statements by the thousand, left to the collector, which is still at it when the program ends: pairs of Node and
// better-sqlite3 that do not fit each other abort here, one time in four.
const db = new Database(':memory:');
db.exec('CREATE TABLE reading (seq INTEGER PRIMARY KEY, text TEXT)');
for (let seq = 1; seq <= 30_000; seq++) {
  db.prepare('INSERT INTO reading VALUES (?, ?)').run(seq, 'x'.repeat(seq % 100));
  if (seq % 500 === 0) for (const _ of db.prepare('SELECT * FROM reading LIMIT 50').iterate());
}
process.stdout.write(String(db.prepare('SELECT count(*) FROM reading').pluck().get()));
