/** A policy shipped in the executable, imported as text. */
declare module "*.rego" {
  const text: string;
  export default text;
}
