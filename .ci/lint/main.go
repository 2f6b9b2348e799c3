// Lint is the vet tool of this repository: `go vet -vettool=bin/lint ./...`. It runs
// what go vet runs, and analyzers for errors that nobody looks at, response bodies
// that nobody closes and unsafe code. As a vet tool it works package by package, so
// that the build cache keeps what was found in a package that did not change.
//
// A finding that is right as it is has, on its line, the directive
//
//	//nolint:errcheck // why
//
// with the analyzer's name. One without a reason is a finding, and so is one that
// silences nothing.
package main

import (
	"slices"
	"strings"

	"codeberg.org/polyfloyd/go-errorlint/errorlint"
	"github.com/kisielk/errcheck/errcheck"
	"github.com/securego/gosec/v2/goanalysis"
	"github.com/timakin/bodyclose/passes/bodyclose"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	unitchecker.Main(analyzers()...)
}

// analyzers are go vet's, which know no directive, and ours.
func analyzers() []*analysis.Analyzer {
	// A command-line program reads the files that its user names.
	if err := goanalysis.Analyzer.Flags.Set("exclude", "G304,G703"); err != nil {
		panic(err)
	}
	return append(slices.Clone(vet.Suite), names,
		silenceable(errorlint.NewAnalyzer(), all),
		silenceable(errcheck.Analyzer, source),
		silenceable(bodyclose.Analyzer, source),
		silenceable(goanalysis.Analyzer, shipped),
	)
}

// all is every file.
func all(*analysis.Pass, string) bool { return true }

// source leaves out tests, which have no error of their own to tell.
func source(_ *analysis.Pass, file string) bool { return !strings.HasSuffix(file, "_test.go") }

// shipped leaves out simulators too. They do on purpose what gosec finds: they run what
// they are told, lead elsewhere and sign with what the real servers do.
func shipped(pass *analysis.Pass, file string) bool {
	return source(pass, file) && !strings.Contains(pass.Pkg.Path()+"/", "/sandbox/")
}
