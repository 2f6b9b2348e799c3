package main

import (
	"testing"

	"github.com/kisielk/errcheck/errcheck"
	"golang.org/x/tools/go/analysis/analysistest"
)

func TestSilenceable_wantsAReasonAndAFinding(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), silenceable(errcheck.Analyzer, source), "a")
	analysistest.Run(t, analysistest.TestData(), names, "b")
}
