package bosh

// DialWhile dials until the connection is lost that the dial goes through.
var DialWhile = dialWhile
