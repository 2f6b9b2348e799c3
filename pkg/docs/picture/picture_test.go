package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// The picture in the repository is what its source draws, and well-formed.
func TestDraw_isThePictureInTheRepository(t *testing.T) {
	want := draw()
	got, err := os.ReadFile("../loop.svg")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("pkg/docs/loop.svg is not what its source draws; run go generate ./pkg/docs")
	}
	decoder := xml.NewDecoder(strings.NewReader(want))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// No two boxes are at one place, and all are inside of the picture.
func TestDraw_putsEveryBoxInAPlaceOfItsOwn(t *testing.T) {
	taken := map[[2]int]bool{}
	for _, b := range boxes {
		if taken[[2]int{b.lane, b.row}] || b.lane >= len(lanes) || b.upper()+boxHeight > height-12 || len(b.text) == 0 || len(b.text) > 2 {
			t.Errorf("%+v is at a place that is taken, or outside, or has too many lines", b)
		}
		taken[[2]int{b.lane, b.row}] = true
	}
}
