// Package config holds the settings of a server: one struct, parsed and checked.
//
// A setting has one name. The flag is --name, the environment variable TAOCAN_NAME in capitals with _ for -,
// and the line in the file given by --config is "name = value". Later of these win: default, file,
// environment, flag. An unknown name in the file is refused, since it is most often a misspelt one; unknown
// variables are not, since container platforms set TAOCAN_… of their own for a service called taocan. All
// problems are reported at once.
//
// Secrets are read from files that settings name. The exception is the password in the address of a database, as its own
// tools have it: it is shown nowhere (Effective, Settings.Database). Durations carry their unit (24h), counts are plain.
// Settings are read once, at the start; a crash leaves nothing behind.
package config
