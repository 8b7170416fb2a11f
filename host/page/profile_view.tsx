/**
 * The last CPU profile as a flame graph.
 *
 * @module
 */
import type { Profile } from "../profiles/pprof.ts";
import { LivePart } from "./document.tsx";
import { type FlameBox, flameBoxes, heaviestFunctions } from "./flame.ts";
import { Table } from "./table.tsx";
import { counted, duration, moment, percent, shown } from "./words.ts";

/** Units of the graph's width and of a row. */
const WIDTH = 1_200;
const ROW = 18;
/** Units that a letter takes. */
const LETTER = 6.7;
/** Functions of the table. */
const LISTED = 20;

/** Whose code a function is, as a colour. */
function colourOf(name: string): string {
  if (name === "everything") return "f4";
  if (name.startsWith("host/") || name.startsWith("schemas/")) return "f0";
  if (name.startsWith("plugins/") || name.startsWith("examples/")) return "f1";
  if (name.startsWith("npm/")) return "f2";
  return name.startsWith("(") ? "f4" : "f3";
}

/** Units below which a box has no name, and is drawn with its like. */
const NAMELESS = 6;

/** Boxes that are too thin to be told apart, as few elements. */
function ThinBoxes({ boxes }: { readonly boxes: readonly FlameBox[] }) {
  const colours = Map.groupBy(boxes, ({ name }) => colourOf(name));
  return (
    <>
      {[...colours].map(([colour, some]) => (
        <path
          class={colour}
          d={some.map(({ depth, begin, share }) => {
            const width = (share * WIDTH).toFixed(1);
            return `M${(begin * WIDTH).toFixed(1)} ${depth * ROW}h${width}v${ROW - 1}h-${width}z`;
          }).join("")}
        />
      ))}
    </>
  );
}

function Box({ box: { name, depth, begin, share } }: { readonly box: FlameBox }) {
  const width = share * WIDTH;
  const fits = Math.floor((width - 6) / LETTER);
  const label = name.length > fits ? `${name.slice(0, Math.max(0, fits - 1))}…` : name;
  return (
    <g transform={`translate(${(begin * WIDTH).toFixed(2)} ${depth * ROW})`}>
      <title>{`${shown(name, 300)}: ${percent(share)}`}</title>
      <rect class={colourOf(name)} width={width.toFixed(2)} height={ROW - 1} />
      {fits < 3 ? "" : <text x="3" y="12.5">{shown(label, 200)}</text>}
    </g>
  );
}

function profileLink(subject: string, focus: string | undefined): string {
  const query = new URLSearchParams({ of: subject });
  if (focus !== undefined) query.set("focus", focus);
  return `/profile?${query}`;
}

function Graph({ subject, profile, focus }: {
  readonly subject: string;
  readonly profile: Profile;
  readonly focus: string | undefined;
}) {
  const boxes = flameBoxes(profile.samples, focus);
  const [whole] = boxes;
  if (whole === undefined) {
    return <p>{focus === undefined ? "Nothing ran in it." : "That function is not in it."}</p>;
  }
  const rows = Math.max(...boxes.map(({ depth }) => depth)) + 1;
  const total = profile.samples.reduce((sum, { values }) => sum + (values.at(-1) ?? 0), 0);
  return (
    <>
      <div class="scroll" role="region" aria-label="Flame graph" tabindex={0} data-scroll="">
        <svg
          class="flame"
          viewBox={`0 0 ${WIDTH} ${rows * ROW}`}
          role="img"
          aria-label={`Flame graph of ${subject}; the table below has the functions that took most`}
        >
          <ThinBoxes boxes={boxes.filter(({ share }) => share * WIDTH < NAMELESS)} />
          {boxes.filter(({ share }) => share * WIDTH >= NAMELESS).map((box) => <Box box={box} />)}
        </svg>
      </div>
      <h2>What took most</h2>
      <Table label="Functions" columns={["Function", "#Itself", "#With all it called"]}>
        {heaviestFunctions(profile.samples, LISTED).map(({ name, self, total: all }) => (
          <tr>
            <th scope="row">
              <a class="mono" href={profileLink(subject, name)}>{shown(name, 300)}</a>
            </th>
            <td class="number">{percent(self / total)}</td>
            <td class="number">{percent(all / total)}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** What the view shows. */
export interface ProfileViewProps {
  /** By the name of the process; undefined without --profiling. */
  readonly profiles: ReadonlyMap<string, Profile | undefined> | undefined;
  /** Whose profile was asked for. */
  readonly subject: string | undefined;
  /** The function beneath which the graph is to begin. */
  readonly focus: string | undefined;
}

/**
 * The last profile.
 *
 * @param props What it shows.
 * @returns The view.
 */
export function ProfileView({ profiles, subject, focus }: ProfileViewProps) {
  if (profiles === undefined) {
    return (
      <>
        <h1>Profile</h1>
        <p>
          weir runs without{" "}
          <code>--profiling</code>, so nothing can be profiled. Started with it, it shows here where
          its time goes, and that of its plugins.
        </p>
      </>
    );
  }
  const taken = [...profiles].filter(([, profile]) => profile !== undefined);
  const newest = taken.toSorted(([, one], [, other]) =>
    (other?.startedAt ?? 0) - (one?.startedAt ?? 0)
  )[0]?.[0];
  const name = subject !== undefined && profiles.has(subject) ? subject : newest ?? "weir";
  const profile = profiles.get(name);
  const parameter = name === "weir" ? "" : `&plugin=${encodeURIComponent(name)}`;
  return (
    <>
      <h1>
        Profile of <span class="mono">{shown(name, 80)}</span>
      </h1>
      <nav aria-label="Processes">
        <ul>
          {[...profiles.keys()].map((each) => (
            <li>
              <a
                href={profileLink(each, undefined)}
                {...(each === name ? { "aria-current": "true" } : {})}
              >
                {shown(each, 80)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <LivePart id="profile">
        {profile === undefined
          ? (
            <p>
              No profile of it has been taken yet. Take one, and it shows here:{" "}
              <code>
                curl -so /dev/null 'localhost:10249/debug/pprof/profile?seconds=10{parameter}'
              </code>
            </p>
          )
          : (
            <>
              <p class="soft">
                {counted(profile.samples.length, "stack")} within {duration(profile.duration)} from
                {" "}
                {moment(profile.startedAt)}{" "}
                on; the wider, the longer, the outermost function on top.
              </p>
              {focus === undefined ? "" : (
                <p>
                  Only what <code>{shown(focus, 300)}</code> took.{" "}
                  <a href={profileLink(name, undefined)}>Show everything</a>
                </p>
              )}
              <Graph subject={name} profile={profile} focus={focus} />
            </>
          )}
      </LivePart>
    </>
  );
}
