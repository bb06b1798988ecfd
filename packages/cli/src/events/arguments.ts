/** What commands on events are about. */
export const TYPE = { value: 'TYPE', text: 'Type of the event, e.g. user.signed_up', required: true } as const
export const SUBSCRIPTION = { value: 'SUBSCRIPTION', text: 'Name of the subscription', required: true } as const
export const LETTER = { value: 'LETTER', text: 'Id of the dead letter (= of its event)', required: true } as const
