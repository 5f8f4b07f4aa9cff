export interface FridgeOptions {
  /** Hours for the cabinet to come 63 % closer to the room, with the door shut. */
  tauHours?: number;
  /** The thermostat turns the compressor on above and off below these. */
  onAboveC?: number;
  offBelowC?: number;
  startC?: number;
}

/** °C an hour while the compressor runs, against a room at 25 °C. */
const COOLING = 14;
/** How much faster heat comes in through an open door. */
const OPEN_DOOR = 12;
const DEFROST_HEAT = 20;
const STEP_HOURS = 1 / 120;

/**
 * A vaccine refrigerator: Newtonian exchange with the room, a compressor on a thermostat, a door, a defrost heater.
 * Deterministic: what happens depends on the calls only.
 */
export class Fridge {
  readonly #tau: number;
  readonly #on: number;
  readonly #off: number;
  temperatureC: number;
  compressor = false;
  doorOpen = false;
  mains = true;
  ambientC = 28;
  #defrostHours = 0;

  constructor(options: FridgeOptions = {}) {
    this.#tau = options.tauHours ?? 5;
    this.#on = options.onAboveC ?? 5.4;
    this.#off = options.offBelowC ?? 3.6;
    this.temperatureC = options.startC ?? 4.5;
  }

  defrost(minutes: number): void {
    this.#defrostHours = minutes / 60;
  }

  /** Lets simulated time pass. */
  advance(hours: number): void {
    for (let left = hours; left > 0; left -= STEP_HOURS) this.#step(Math.min(left, STEP_HOURS));
  }

  #step(hours: number): void {
    if (this.temperatureC > this.#on) this.compressor = true;
    if (this.temperatureC < this.#off) this.compressor = false;
    const exchange = ((this.ambientC - this.temperatureC) / this.#tau) * (this.doorOpen ? OPEN_DOOR : 1);
    const cooling = this.compressor && this.mains && this.#defrostHours <= 0 ? COOLING : 0;
    const heater = this.#defrostHours > 0 && this.mains ? DEFROST_HEAT : 0;
    this.#defrostHours = Math.max(0, this.#defrostHours - hours);
    this.temperatureC += (exchange - cooling + heater) * hours;
  }
}
