/** Starts the page. */

import { render } from "preact";

import { Controller } from "./controller.ts";
import "./style/main.css";
import { App } from "./view/app.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id “root”");
const controller = new Controller();
root.replaceChildren();
render(<App controller={controller} />, root);
void controller.start();
