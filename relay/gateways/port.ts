/** Which gateway may write for which clinic, as accepting must know it. */
export interface Bindings {
  /** Whether a gateway must prove who it is. */
  readonly closed: boolean;
  /** The clinic that the relay's file gives it; where it says nothing, the first that it spoke of is its clinic. */
  clinicOf(gateway: string): string | undefined;
}
