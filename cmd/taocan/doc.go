// Command taocan is the server behind prepaid message packages, and everything that its operator does from a
// shell. See README.md for a tour and docs/glossary.md for the words.
//
// Here are flags, commands and wiring. Rules live in the use cases; the administrative commands are small HTTP
// clients of the REST API, so that a shell, a script and another program get the same answers. Where no server
// runs on the data folder, the same handler answers inside the command's own process (client.go).
//
// Exit codes: 0 done, 1 the answer is no or it failed, 2 wrong usage. Errors are one line on stderr.
package main
