// Command refresh reads the table of Concourse versions from the tags of a clone of
// github.com/concourse/concourse:
//
//	git clone --filter=blob:none https://github.com/concourse/concourse /tmp/concourse
//	go run ./pkg/compatibility/refresh --repository /tmp/concourse --write
//
// It prints the table, or with --write puts it into its place. It is for maintainers,
// and in no binary that is shipped.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/file"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now()); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "refresh:", err)
		os.Exit(1)
	}
}

// run is the program; stderr gets what people should look at.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, now time.Time) error {
	flags := flag.NewFlagSet("refresh", flag.ContinueOnError)
	flags.SetOutput(stderr)
	repository := flags.String("repository", "", "the `folder` of a clone of github.com/concourse/concourse, with its tags")
	from := flags.String("from", "7.0.0", "the lowest `version` that is read")
	path := flags.String("table", filepath.Join("pkg", "compatibility", "versions.json"), "the table as it is, a `file`: what no tag says and has a remark is kept")
	write := flags.Bool("write", false, "replace the table; without it the new one is printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *repository == "" || flags.NArg() > 0 {
		return errors.New("want --repository with the folder of a clone of github.com/concourse/concourse, and nothing else besides flags")
	}
	old, err := readTable(*path)
	if err != nil {
		return err
	}
	table, err := read(ctx, *repository, *from)
	if err != nil {
		return err
	}
	table.Source, table.Date = old.Source, now.UTC().Format(time.DateOnly)
	notes := keep(&table, old)
	text, err := format(table)
	if err != nil {
		return err
	}
	for _, note := range notes {
		_, _ = fmt.Fprintln(stderr, note)
	}
	if *write {
		return replace(*path, text)
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// format writes a table with a line for each version, so that a change shows well.
func format(t compatibility.File) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"source\": %q,\n  \"date\": %q,\n  \"versions\": [\n", t.Source, t.Date)
	for i, e := range t.Versions {
		line, err := json.Marshal(e)
		if err != nil {
			return "", fmt.Errorf("write the table: %w", err)
		}
		comma := ","
		if i == len(t.Versions)-1 {
			comma = ""
		}
		b.WriteString("    " + string(line) + comma + "\n")
	}
	b.WriteString("  ]\n}\n")
	return b.String(), nil
}

// replace puts text into a file at once.
func replace(path, text string) error {
	if err := file.Replace(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("replace the table: %w", err)
	}
	return nil
}
