/**
 * Every word the page says of its own, in one place: a second language is a second value of `Words`.
 * What a report says in words (reasons, notice, summary) comes from the appliance and is not here.
 */

import type { ApplianceState, Verdict } from "./contract.ts";

interface VerdictWords {
  readonly name: string;
  /** What to do, in one line. */
  readonly todo: string;
}

interface QuantityWords {
  readonly name: string;
  /** A short head for a column. */
  readonly short: string;
}

interface FindingWords {
  readonly name: string;
  /** The threshold as a person says it. */
  readonly threshold: (value: string) => string;
  readonly unit: string;
}

export const verdicts: Readonly<Record<Verdict, VerdictWords>> = {
  accept: { name: "Accept", todo: "Keep this film." },
  review: { name: "Review", todo: "Keep this film. A reader should look at it before the numbers are used." },
  repeat: { name: "Repeat", todo: "Take this film again while the patient is here." },
  not_applicable: { name: "Not a neck", todo: "This is not a lateral cervical film; nothing was measured." },
  unknown: { name: "Unknown", todo: "This page does not know this verdict. Look at the film itself." },
};

export const states: Readonly<Record<ApplianceState, string>> = {
  starting: "Starting",
  building_engines: "Preparing models",
  online: "Online",
  degraded: "Degraded",
  offline: "Offline",
  unknown: "Unknown state",
};

export const quantities: Readonly<Record<string, QuantityWords>> = {
  c2_c7_cobb: { name: "Lordosis C2–C7 (Cobb)", short: "C2–C7" },
  c2_c6_cobb: { name: "Lordosis C2–C6 (Cobb)", short: "C2–C6" },
  c2_slope: { name: "C2 slope", short: "C2 slope" },
  c7_slope: { name: "C7 slope", short: "C7 slope" },
  sva: { name: "Sagittal vertical axis", short: "SVA" },
  segmental_angle: { name: "Segmental angle", short: "Angle" },
  slip_distance: { name: "Slip, forward positive", short: "Slip" },
  slip_angle: { name: "Angle between the posterior walls", short: "Wall angle" },
  sdvb: { name: "Depth of the vertebral body", short: "Body depth" },
  sdvc: { name: "Depth of the canal", short: "Canal depth" },
  pavlov: { name: "Pavlov ratio, canal to body", short: "Pavlov" },
  disc_height_anterior: { name: "Disc height in front", short: "Disc, front" },
  disc_height_middle: { name: "Disc height in the middle", short: "Disc, middle" },
  disc_height_posterior: { name: "Disc height behind", short: "Disc, back" },
  slip_change: { name: "Change of slip", short: "Slip change" },
  angle_change: { name: "Change of angle", short: "Angle change" },
  range_of_motion: { name: "Range of motion", short: "Motion" },
  body_wedge: { name: "Wedge of the body", short: "Wedge" },
};

export const findings: Readonly<Record<string, FindingWords>> = {
  severe_kyphosis: { name: "Severe kyphosis", threshold: (v) => `lordosis below ${v}`, unit: "deg" },
  sagittal_imbalance: { name: "Sagittal imbalance", threshold: (v) => `SVA above ${v}`, unit: "mm" },
  instability: { name: "Instability", threshold: (v) => `above ${v}`, unit: "" },
  developmental_canal_stenosis: { name: "Developmental canal stenosis", threshold: (v) => `Pavlov ratio below ${v}`, unit: "ratio" },
};

export const positions: Readonly<Record<string, string>> = {
  neutral: "Neutral",
  flexion: "Flexion",
  extension: "Extension",
  unknown: "Position unknown",
};

/** DICOM CID 7011, Rejected for Quality Reasons. */
export const cid7011: Readonly<Record<string, string>> = {
  "111207": "image artifact",
  "111208": "grid",
  "111209": "positioning",
  "111210": "motion blur",
  "111211": "under-exposed",
  "111212": "over-exposed",
  "111213": "no image",
  "111214": "detector",
  "111215": "other artifact",
  "111216": "mechanical",
  "111217": "electrical",
  "111218": "software",
  "111219": "processing",
  "111220": "other",
  "111221": "unknown",
  "113026": "double exposure",
};

/** What to do differently next time, by the reason of a rejected film, where the report itself says nothing about it. */
export const advice: Readonly<Record<string, string>> = {
  positioning: "Side on, ear over shoulder, both shoulders down; C2 to T1 inside the field.",
  motion_blur: "Ask the patient to hold still and stop breathing; a shorter exposure time helps.",
  underexposed: "Raise the mAs, or let the automatic exposure use the chamber under the neck.",
  overexposed: "Lower the mAs; check which chamber the automatic exposure uses.",
  image_artifact: "Take off necklaces, ear rings, hair clips and removable teeth.",
  grid: "Check that the grid is level, centred and at its own distance.",
  no_image: "Check that the exposure reached this detector.",
  detector: "Run the detector’s calibration before the next patient.",
  other_artifact: "Find out what it is and take it out of the beam.",
  mechanical: "Call the service if it happens again.",
  electrical: "Call the service if it happens again.",
  software: "Call the service if it happens again.",
  processing: "Choose the cervical spine’s own processing at the console.",
  double_exposure: "Confirm each exposure before the next one.",
};

export const stabilities: Readonly<Record<string, string>> = {
  unstable: "Unstable",
  stable: "Stable",
  insufficient_effort: "Too little motion to tell",
  undetermined: "Cannot be told",
};

export const languages: Readonly<Record<string, string>> = { en: "English", "zh-Hans": "简体中文" };

/** A machine's word as people write it: `c7_hidden` → `C7 hidden`. */
export function plain(word: string): string {
  const spaced = word.replaceAll("_", " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
