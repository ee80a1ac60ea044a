// What the monitor's API hands to the page. A test holds the names against the monitor's own types.

type LineName = "primary" | "backup" | "third";
type Measure = "throughput" | "latency" | "loss";
type LineState = "up" | "down" | "unknown" | "none";
type Stage = "separated" | "coexist" | "integrated";
type Assessment = "meets" | "within-error" | "below" | "not-measured";

interface Tile {
  id: string;
  name: string;
  ward: string;
  kind: string;
  pupils: number;
  recommended_mbps: number | null;
  basis: string | null;
  policy_recommended_mbps: number | null;
  measured_mbps: number | null;
  assessment: Assessment;
  lines: Partial<Record<LineName, LineState>>;
  drift: number | null;
  unconfirmed: number | null;
  measured_at: string | null;
  silent: boolean;
  stage: Stage | null;
}

interface Ward {
  id: string;
  name: string;
}

interface CityAnswer {
  city: string;
  wards: Ward[];
  schools: Tile[];
}

/** Seconds since 1970, and the value. */
type Point = [number, number];
type LinePoints = Partial<Record<LineName, Partial<Record<Measure, Point[]>>>>;

interface SchoolEvent {
  at: string;
  kind: string;
  line: string | null;
  text: string;
}

interface SchoolAnswer {
  tile: Tile;
  lines: LinePoints;
  events: SchoolEvent[];
}

interface RolloutDevice {
  id: string;
  school: string;
  outcome: string | null;
  step: string | null;
  seconds: number | null;
  error: string | null;
}

interface RolloutWave {
  name: string;
  devices: RolloutDevice[];
}

type SpanLevel = "rollout" | "school" | "device" | "step" | "command";

interface RolloutSpan {
  id: string;
  parent: string | null;
  level: SpanLevel;
  name: string;
  start: string;
  end: string | null;
  outcome: string | null;
  error: string | null;
}

interface Rollout {
  id: string;
  version: number;
  base: number | null;
  name: string;
  started: string;
  ended: string | null;
  lost: string | null;
  waits: string[];
  about: Record<string, string>;
  waves: RolloutWave[];
  spans: RolloutSpan[];
}

interface ListedRollout {
  id: string;
  name: string;
  started: string;
  ended: string | null;
  outcome: string | null;
}

interface RolloutsAnswer {
  rollouts: ListedRollout[];
}
