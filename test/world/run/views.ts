/** What the programs' own pages say: the parts that stories and tests look at. */
export interface AgentStatus {
  sensors: {
    id: string;
    good: number;
    bad: number;
    problems: number;
    last: Record<string, { value: number; quality: string }>;
    last_problem: { text: string } | null;
  }[];
  site_file: { loaded_at: string; problems: string[]; left_behind: string[] };
  unknown_sources: { source: string; count: number }[];
  open_alerts: { alert_type: string; sensor: string; episode_id: string; summary: string }[];
  acknowledged: string[];
  not_started: { name: string; problem: string }[];
  ring: {
    epoch: string;
    readings: number;
    events: number;
    waiting: number;
    lastCommitMs: number;
    failure: string | null;
  };
  relay: {
    connected: boolean;
    backlog: number;
    problem: string | null;
    given_up: { rows: number; last: { stream: string; seq: number; sensor: string | null; why: string }[] };
  };
}

export interface RelayView {
  sensors: { sensor: string; quantity: string; readings: number; last: { value: number } }[];
  alerts: {
    alert_type: string;
    sensor: string;
    state: string;
    episode_id: string;
    summary: string;
    by?: string;
  }[];
}
