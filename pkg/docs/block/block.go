// Package block finds the fenced blocks of the documents, so that tests can run or check
// every one of them.
package block

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Block is what stands between two lines of backticks.
type Block struct {
	File string // "pkg/docs/costs.md", from the repository's root
	Line int    // of the first of its lines
	Kind string // what follows the backticks, "yaml pipeline"; by this it is known how to check it
	Text string
}

// String says where it stands.
func (b Block) String() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

// Lines are those that say something, without comments and spaces around them.
func (b Block) Lines() (list []string) {
	for line := range strings.Lines(b.Text) {
		line, _, _ = strings.Cut(line, " # ")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// Documents are the files for people below the repository's root: the README, those of
// .github and those of pkg/docs.
func Documents(root string) ([]string, error) {
	list := []string{"README.md"}
	for _, pattern := range []string{".github/*.md", "pkg/docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			own, err := filepath.Rel(root, file)
			if err != nil {
				return nil, err
			}
			list = append(list, filepath.ToSlash(own))
		}
	}
	return list, nil
}

// All are the blocks of all documents.
func All(root string) ([]Block, error) {
	files, err := Documents(root)
	if err != nil {
		return nil, err
	}
	var list []Block
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		blocks, err := Parse(file, string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, blocks...)
	}
	return list, nil
}

// Of are the blocks of one kind. It fails when there are none, since a test that checks
// them would then check nothing.
func Of(root, kind string) ([]Block, error) {
	list, err := All(root)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(b Block) bool { return b.Kind != kind })
	if len(list) == 0 {
		return nil, fmt.Errorf("find the blocks %q of the documents: there are none", kind)
	}
	return list, nil
}

const fence = "```"

// Parse finds the blocks of one document.
func Parse(file, text string) (list []Block, err error) {
	var open *Block
	number := 0
	for line := range strings.Lines(text) {
		number++
		mark, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), fence)
		switch {
		case !ok && open != nil:
			open.Text += line
		case ok && open == nil:
			open = &Block{File: file, Line: number + 1, Kind: strings.TrimSpace(mark)}
		case ok:
			list = append(list, *open)
			open = nil
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: the block has no end", *open)
	}
	return list, nil
}
