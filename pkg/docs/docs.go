// Package docs holds the documents for people, one file a topic, so that the program
// can print those of its own version.
package docs

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:generate go run ./picture loop.svg

//go:embed *.md
var files embed.FS

// order is that in which somebody who knows nothing yet would read them.
var order = []string{
	"demo", "install", "director", "pipeline", "resource", "configuration", "state", "permissions", "operation",
	"upgrades", "costs", "security", "guarantees", "limits", "proof", "development",
}

// Topic is one document.
type Topic struct {
	Name  string // what people type: "costs"
	Title string // its first heading: "What it costs"
}

// Topics are all documents, in the order in which to read them.
func Topics() ([]Topic, error) {
	list := make([]Topic, 0, len(order))
	for _, name := range order {
		text, err := Text(name)
		if err != nil {
			return nil, err
		}
		first, _, _ := strings.Cut(text, "\n")
		list = append(list, Topic{Name: name, Title: strings.TrimPrefix(first, "# ")})
	}
	return list, nil
}

// Names are the topics' names, in the same order.
func Names() []string { return slices.Clone(order) }

// Text is a topic's document, in Markdown.
func Text(name string) (string, error) {
	text, err := files.ReadFile(name + ".md")
	if err != nil {
		return "", fmt.Errorf("read the document %s: %w", name, err)
	}
	return string(text), nil
}
