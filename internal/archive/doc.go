// Package archive writes everything that a customer owns as one ZIP of CSV files: a whole account, or one of its projects.
//
// Who may. Of a whole account operators, and members who are its owners now. Of one project, besides them, whoever holds the
// scope manage in it. A project's archive leaves out what belongs to the account: members, tokens, wallet, vouchers.
//
// No secret is in it: of passwords and tokens not even the hash, of channels only what may be shown. Notices and their
// deliveries, sign-ins and the audit log are not in it; statements are not, since they follow from what is.
//
// One snapshot of the store is read from the first line to the last, so all files agree: what is committed while an archive
// is written is in none of them. A snapshot that is held keeps the store from tidying up behind it, so only two archives
// are written at a time (a third is taocan.ErrRateLimited), and each must be done within Limit.
//
// Lists are read a page at a time and leave as they are read, so memory does not grow with the account. Texts are kept from
// being formulas as in package export. Nothing in an archive says when it was made: the same data gives the same bytes.
//
// Money is in yuan, quantities in messages, instants in the platform's zone. Nothing is written to the store. An archive
// that breaks off has no directory at its end, so no program takes it for a whole one.
package archive
