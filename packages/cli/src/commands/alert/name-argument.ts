export const ALERT_NAME = {
  value: 'NAME',
  text: 'Name of the alert',
  required: true,
  asOption: true,
  completes: 'alert',
} as const
