package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	_ "time/tzdata" // machines without a zone database must still know Asia/Shanghai

	"github.com/alecthomas/kong"
)

// commands is the command line as a whole.
type commands struct {
	JSON bool `name:"json" help:"Answer as JSON, one line on stdout."`

	Demo          demoCmd          `cmd:"" help:"Start a server with demo data on a temporary folder and say where to look."`
	Serve         serveCmd         `cmd:"" help:"Start the server."`
	Migrate       migrateCmd       `cmd:"" help:"Create the database or bring its schema up to date."`
	MigrateStore  migrateStoreCmd  `cmd:"" help:"Move a stopped store from SQLite to PostgreSQL or back, and prove both."`
	Verify        verifyCmd        `cmd:"" help:"Prove that balances equal entries, payments equal orders and the history is unaltered."`
	Archive       archiveCmd       `cmd:"" help:"Move debits of old months out of the database into files."`
	Config        configCmd        `cmd:"" help:"Settings: print them as they hold, check a file."`
	Doctor        doctorCmd        `cmd:"" help:"Look at settings, folder, database, clock, disk and network, and say what to do."`
	Ready         readyCmd         `cmd:"" help:"Ask the server whether it takes calls: exit code 0 or 1."`
	Backup        backupCmd        `cmd:"" help:"Copy the database to one file, beside a running server."`
	Restore       restoreCmd       `cmd:"" help:"Make a backup the database of an empty data folder."`
	Import        importCmd        `cmd:"" help:"Take over what another system exported."`
	Account       accountCmd       `cmd:"" help:"Customers: create, list, identity level, money."`
	Project       projectCmd       `cmd:"" help:"Projects of accounts."`
	Member        memberCmd        `cmd:"" help:"Logins of an account, or of the platform's staff."`
	Token         tokenCmd         `cmd:"" help:"API tokens."`
	Voucher       voucherCmd       `cmd:"" help:"Vouchers."`
	PriceList     priceListCmd     `cmd:"" help:"Price lists."`
	OverflowPrice overflowPriceCmd `cmd:"" help:"Prices of messages beyond all packages."`
	Product       productCmd       `cmd:"" help:"Fixed packages on sale."`
	Package       packageCmd       `cmd:"" help:"Find, grant and adjust packages."`
	Agreement     agreementCmd     `cmd:"" help:"Versions of the service agreement."`
	Order         orderCmd         `cmd:"" help:"Orders of all accounts."`
	Key           keyCmd           `cmd:"" help:"The master key, which seals secrets in the database."`
	Audit         auditCmd         `cmd:"" help:"What operators did, and owners in their accounts."`
	Statement     statementCmd     `cmd:"" help:"Monthly statements of a project or an account."`
	Clock         clockCmd         `cmd:"" help:"The server's clock after it has jumped."`
	Bench         benchCmd         `cmd:"" help:"Drive a server, or an engine in this process, with debits and measure it."`
	BenchWorker   benchWorkerCmd   `cmd:"" hidden:"" help:"What bench starts beside itself."`
	Version       versionCmd       `cmd:"" help:"Print the version."`
}

// app is what commands share.
type app struct {
	ctx    context.Context
	out    io.Writer // answers
	errOut io.Writer // errors and logs
	json   bool
}

// usageError is a command that makes no sense as given: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) (code int) {
	type exit int // how --help leaves the parser
	defer func() {
		if p := recover(); p != nil {
			c, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(c)
		}
	}()
	var line commands
	a := &app{ctx: ctx, out: out, errOut: errOut}
	parser, err := kong.New(&line, kong.Name("taocan"),
		kong.Description("taocan sells, debits and proves prepaid message packages."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(a))
	if err != nil {
		panic(err) // a mistake in the structs above, found by any test
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errOut, "taocan: %s (taocan --help lists what there is)\n", oneLine(err))
		return 2
	}
	a.json = line.JSON
	err = parsed.Run(a)
	if err == nil {
		return 0
	}
	fmt.Fprintf(errOut, "taocan: %s\n", oneLine(err))
	var wrong usageError
	if errors.As(err, &wrong) {
		return 2
	}
	return 1
}

func oneLine(err error) string { return strings.Join(strings.Split(err.Error(), "\n"), "; ") }
