// For `make check` only: the types of the vendored file are those of npm's package of the same version.
export { default } from "uplot";
