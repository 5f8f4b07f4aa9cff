import { X509Certificate } from 'node:crypto';
import type { Enrolled } from '../gateways/gateways.js';
import { Authority } from './ca.js';
import { type EnrolmentDeps, EnrolmentRecord, Enrolments } from './enrolment.js';
import type { EnrolConfig } from './schema.js';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface OpenEnrolment {
  enrolments: Enrolments;
  enrolled: Enrolled;
  /** PEM: whose certificates of gateways are believed. */
  roots: string;
  close(): Promise<void>;
}

/** Resolves once the book is known. Rejects with enrol.authority, or log.* where it cannot be read. */
export async function openEnrolment(config: EnrolConfig, deps: EnrolmentDeps): Promise<OpenEnrolment> {
  const authority = await Authority.open(config.ca);
  const record = new EnrolmentRecord(deps);
  await record.follow();
  const issuers = (authority.roots.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
  return {
    enrolments: new Enrolments(record, authority, config.certificate_for, deps.clock),
    enrolled: {
      get: (gateway) => record.book.get(gateway),
      accepts: (gateway, serial) => record.book.accepts(gateway, serial),
      issued: (certificate) =>
        issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)),
    },
    roots: authority.roots,
    close: () => record.close(),
  };
}
