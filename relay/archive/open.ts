import type { Logger } from 'pino';
import { logged } from '../../core/errors.js';
import type { Archive } from './port.js';
import type { ArchiveConfig } from './schema.js';

/** The archive that the relay's file names. Rejects when its database cannot be reached. */
export async function openArchive(archive: ArchiveConfig, folder: string, logger: Logger): Promise<Archive> {
  if (archive.postgres === undefined) {
    const { SqliteArchive } = await import('./sqlite/sqlite.js');
    return SqliteArchive.open(folder);
  }
  const { PostgresArchive } = await import('./postgres.js');
  return PostgresArchive.open(archive.postgres, (error) =>
    logger.warn(logged(error), 'a connection to the archive broke'),
  );
}
