import type { Message } from 'kafkajs';
import { missing, type Range, type RangeSet } from '../../../core/contract/ranges.js';
import { epochToClose, refuseClosed, withClosed } from '../epochs.js';
import { type Append, extended, refuseClinic, refuseInvented } from '../port.js';
import { closedMessage, type Entry, type LaneContents, progressKey, progressMessage } from './progress.js';

/** A lane's progress as it will be once a transaction is committed. */
export class Draft {
  readonly #contents: LaneContents;
  readonly #now: number;
  readonly #gatewaysMax: number;
  readonly #changed = new Map<string, Map<string, Entry>>();
  /** Of rings that this closes. */
  readonly #forgotten = new Map<string, string>();
  readonly #closed = new Map<string, readonly string[]>();
  /** Gateways that were not known before. */
  #invented = 0;

  /** `gatewaysMax`: this lane's part of GATEWAYS_MAX. */
  constructor(contents: LaneContents, now: number, gatewaysMax: number) {
    this.#contents = contents;
    this.#now = now;
    this.#gatewaysMax = gatewaysMax;
  }

  held({ gateway, epoch, stream }: Pick<Append, 'gateway' | 'epoch' | 'stream'>): RangeSet {
    const key = progressKey({ gateway, epoch, stream });
    return (this.#changed.get(gateway)?.get(key) ?? this.#contents.of(gateway).get(key))?.held ?? [];
  }

  /** Which rows of a batch are new. */
  lacking(batch: Append): Range[] {
    return missing(this.held(batch), [batch.from, batch.from + batch.records.length - 1]);
  }

  /** Takes a batch in. Throws, and changes nothing, when it is to be refused. */
  add(batch: Append): void {
    const { gateway, epoch, stream, from, records } = batch;
    const bound = this.#clinicOf(gateway);
    refuseClinic(bound, batch);
    refuseClosed(this.#closedOf(gateway), epoch);
    if (!this.#isKnown(gateway))
      refuseInvented(batch, this.#contents.gateways + this.#invented, this.#gatewaysMax);
    const before = this.held({ gateway, epoch, stream });
    const range: Range = [from, from + records.length - 1];
    const held = extended(before, range);
    if (before.length === 0) this.#makeRoom(gateway, epoch);
    const mine = this.#changed.get(gateway) ?? new Map<string, Entry>();
    const clinic = bound ?? batch.clinic;
    const entry = { gateway, epoch, stream, held, clinic, changedMs: this.#now };
    if (!this.#isKnown(gateway)) this.#invented += 1;
    this.#changed.set(gateway, mine.set(progressKey(entry), entry));
  }

  #isKnown(gateway: string): boolean {
    return this.#changed.has(gateway) || this.#contents.of(gateway).size > 0;
  }

  #clinicOf(gateway: string): string | undefined {
    for (const entries of [this.#changed.get(gateway), this.#contents.of(gateway)])
      for (const { clinic } of entries?.values() ?? []) if (clinic !== undefined) return clinic;
    return undefined;
  }

  #closedOf(gateway: string): readonly string[] {
    return this.#closed.get(gateway) ?? this.#contents.closed.get(gateway) ?? [];
  }

  #makeRoom(gateway: string, epoch: string): void {
    const known = this.#contents.of(gateway);
    const changedMs = new Map<string, number>();
    for (const [key, entry] of [...known, ...(this.#changed.get(gateway) ?? [])]) {
      if (this.#forgotten.has(key)) continue;
      changedMs.set(entry.epoch, Math.max(changedMs.get(entry.epoch) ?? 0, entry.changedMs));
    }
    if (changedMs.has(epoch)) return;
    const oldest = epochToClose(changedMs, this.#now);
    if (oldest === undefined) return;
    this.#closed.set(gateway, withClosed(this.#closedOf(gateway), oldest));
    for (const [key, entry] of known) if (entry.epoch === oldest) this.#forgotten.set(key, gateway);
  }

  /** For gateway.progress. */
  messages(lane: number): Message[] {
    const changed = [...this.#changed.values()].flatMap((mine) => [...mine.values()]);
    return [
      ...changed.map((entry) => progressMessage(entry, lane)),
      ...[...this.#forgotten.keys()].map((key) => ({ key, value: null, partition: lane })),
      ...[...this.#closed].map(([gateway, closed]) => closedMessage(gateway, closed, lane)),
    ];
  }

  /** It is committed. */
  apply(): void {
    for (const mine of this.#changed.values()) for (const entry of mine.values()) this.#contents.set(entry);
    for (const [key, gateway] of this.#forgotten) this.#contents.delete(gateway, key);
    for (const [gateway, closed] of this.#closed) this.#contents.closed.set(gateway, closed);
  }
}
