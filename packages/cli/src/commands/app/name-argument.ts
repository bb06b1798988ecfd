/** The app that a command is about: `panda app get thumbnailer` or `--name thumbnailer`. */
export const APP_NAME = {
  value: 'NAME',
  text: 'Name of the app',
  required: true,
  asOption: true,
  completes: 'app',
} as const
