// What the monitor's API hands to the page. A test holds the names against the monitor's own types.

type LineName = "primary" | "backup" | "third";
type Measure = "throughput" | "upload" | "latency" | "jitter" | "loss" | "dns" | "http";
type ServiceName = "dns" | "http";
type LineState = "up" | "down" | "stale" | "unknown" | "none";
type ProbeState = "never" | "now" | "silent";
type AssessmentDoubt = "no-figure" | "contradicted";
type NeedKind = "feeder-silent" | "region-down" | "dns-down" | "http-down" | "cut-off" | "line-down" | "certificate-critical" | "rollout-lost" | "unconfirmed" | "rollout-failed" | "brown-out" | "drift" | "silent" | "certificate-ending" | "below";
type NeedCause = "site" | "area" | "carrier" | "line" | "region" | "feeder" | "probe" | "contract" | "flapping" | "slow" | "capacity" | "loss" | "family" | "path" | "dns" | "http";
type CertificateState = "unknown" | "good" | "ending" | "critical" | "ended";
type PatternKind = "ward" | "carrier" | "region";
type Stage = "separated" | "coexist" | "integrated";
type Assessment = "meets" | "within-error" | "below" | "not-measured";

/** Of a line that is down or stale. `heard` is null where it is heard now. */
interface LineTimes {
  since: string | null;
  heard: string | null;
}

interface Tile {
  id: string;
  name: string;
  english: string | null;
  ward: string;
  kind: string;
  pupils: number;
  recommended_mbps: number | null;
  basis: string | null;
  policy_recommended_mbps: number | null;
  measured_mbps: number | null;
  assessment: Assessment;
  doubt: AssessmentDoubt | null;
  lines: Partial<Record<LineName, LineState>>;
  line_times: Partial<Record<LineName, LineTimes>>;
  drift: number | null;
  unconfirmed: number | null;
  measured_at: string | null;
  silent: boolean;
  heard: ProbeState;
  heard_at: string | null;
  need: NeedKind | null;
  stage: Stage | null;
}

interface Ward {
  id: string;
  name: string;
  english: string | null;
}

/** `count` troubled lines of the `total` that share it. */
interface NeedPattern {
  kind: PatternKind;
  name: string;
  count: number;
  total: number;
}

/** What somebody did about a need: acknowledge, note, maintenance. */
interface NeedAction {
  id: string;
  kind: string;
  at: string;
  by: string;
  reason: string;
  starts: string | null;
  until: string | null;
}

interface Need {
  id: string;
  kind: NeedKind;
  urgency: number;
  school: string | null;
  line: string | null;
  region: string | null;
  rollout: string | null;
  certificate: string | null;
  ends: string | null;
  count: number;
  since: string | null;
  heard: string | null;
  stale: boolean;
  causes: NeedCause[];
  patterns: NeedPattern[];
  step: Record<"ja" | "en", string>;
  command: string;
  runbook: string | null;
  quiet: boolean;
  acknowledged: NeedAction | null;
  maintenance: NeedAction | null;
  notes: NeedAction[];
}

interface SkewedSender {
  sender: string;
  seconds: number;
}

interface Clocks {
  newest_at: string | null;
  skewed: SkewedSender[];
}

interface StoreState {
  moved_aside: string | null;
  fault: string | null;
}

interface CityAnswer {
  city: string;
  wards: Ward[];
  schools: Tile[];
  needs: Need[];
  clocks: Clocks;
  store: StoreState;
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

/** Seconds of the period that something is known to have been up, known to have been down, and neither. */
interface Availability {
  up: number;
  down: number;
  unknown: number;
}

interface LinePast {
  line: LineName;
  contract_mbps: number;
  availability: Availability;
  outages: number;
}

/** A region over a line in a family, over the period; rates in Mbit/s, durations in ms, loss as a share. */
interface PathPast {
  line: LineName;
  region: string;
  family: string;
  availability: Availability;
  latency: number | null;
  latency_most: number | null;
  jitter: number | null;
  loss: number | null;
  download: number | null;
  download_least: number | null;
  upload: number | null;
}

interface ServicePast {
  line: LineName;
  service: ServiceName;
  family: string;
  availability: Availability;
  duration: number | null;
  duration_most: number | null;
}

/** `ended` is null where it lasts, or where nothing was heard after it. */
interface Outage {
  line: LineName;
  began: string;
  ended: string | null;
  seconds: number;
}

/** Seconds since 1970; `step` is how long a slot is. */
interface Period {
  since: number;
  until: number;
  step: number;
}

/** `unknown`: from when to when nothing is known of a line. */
interface SchoolPast {
  period: Period;
  lines: LinePoints;
  line_totals: LinePast[];
  paths: PathPast[];
  services: ServicePast[];
  outages: Outage[];
  unknown: Partial<Record<LineName, Point[]>>;
}

/** `outcome` is null where it has not ended, or gave no sign of life any more. */
interface DeviceRollout {
  rollout: string;
  started: string | null;
  outcome: string | null;
  error: string | null;
}

/** `last` is null where no rollout with it is kept. */
interface SchoolDevice {
  id: string;
  role: string;
  platform: string;
  last: DeviceRollout | null;
}

/** Null where nobody ever sent that it ended so. */
interface TaskEnds {
  task: string;
  command: string;
  good_at: string | null;
  bad_at: string | null;
}

/** `ends_at` is null where nobody ever told of it; `stale`: nobody does any more. */
interface CertificateEnd {
  certificate: string;
  state: CertificateState;
  ends_at: string | null;
  heard_at: string | null;
  stale: boolean;
  command: string;
}

/** `policy` is the beginning of the digest of the policy that was judged. */
interface GuidelineState {
  holds: number;
  differs: number;
  not_judged: number;
  policy: string;
  is_own_policy: boolean;
  heard_at: string | null;
  stale: boolean;
}

interface SchoolAnswer extends SchoolPast {
  tile: Tile;
  devices: SchoolDevice[];
  tasks: TaskEnds[];
  certificates: CertificateEnd[];
  guideline: GuidelineState | null;
  recommended_upload_mbps: number | null;
  events: SchoolEvent[];
  needs: Need[];
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
