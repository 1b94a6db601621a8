// Package segment says what one message costs: how many segments (计费条数) a signature and a text make.
//
// It is pure: no I/O, no clock, no settings, nothing kept between calls. Estimates and bills go through the
// same two functions, [Domestic] and [International], so they cannot disagree. The rules carry a number,
// [RuleVersion], which is stored with each debit; a change that alters any result gets the next number.
//
// What is counted is the message as it is sent: the signature in its brackets, then the rendered text.
// Checking what a signature may contain, filling in a template and adding an unsubscribe text are left to
// the caller.
//
// Units. A length is in septets for GSM-7 and in UTF-16 code units for UCS-2 (most emoji are 2). It is not
// a number of characters, and not a size in bytes. Segments are what a debit takes.
//
//	                                     one segment   longer: parts of   never cut
//	domestic                  UTF-16         70               67          surrogate pair
//	international, GSM-7      septets       160              153          escape + extension character
//	international, otherwise  UTF-16         70               67          surrogate pair
//
// What must stay true: parts are filled greedily, so no other packing needs fewer; an empty message costs
// 0 segments and any other at least 1; a message that gains characters never costs less.
package segment
