package world

// ReleaseOf lets tests see the table.
var ReleaseOf = releaseOf
