// The ledger in the browser: what a receipt proves, checked without the server.
export { commit, type Act, type Commitment, type Entry } from './entry';
export { parseReceipt, ReceiptError, type Disclosure, type Receipt } from './receipt';
export { checkVaultKey, introduction, permitted, receiptAt, signed, vaultKey } from './trust';
export { messageKey, verifierOf, verifyReceipt, type Claim, type Descriptor, type Report, type Status, type Verifier } from './verify';
