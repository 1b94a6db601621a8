package segment

// gsm7Basic is the GSM 7-bit default alphabet in the order of its codes, 3GPP TS 23.038 §6.2.1, without
// code 0x1B: that is the escape to the extension table, not a character. One septet each.
//
// Easily taken for members, but not: ç (Ç is), the back-quote, the tab, and Greek capitals that look Latin.
const gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅå" + // 0x00
	"Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ" + // 0x10
	" !\"#¤%&'()*+,-./" + // 0x20
	"0123456789:;<=>?" + // 0x30
	"¡ABCDEFGHIJKLMNO" + // 0x40
	"PQRSTUVWXYZÄÖÑÜ§" + // 0x50
	"¿abcdefghijklmno" + // 0x60
	"pqrstuvwxyzäöñüà" // 0x70

// gsm7Extension is the extension table, 3GPP TS 23.038 §6.2.1.1. An escape goes first: two septets each.
const gsm7Extension = "\f^{}\\[~]|€"

// gsm7Cost holds the septets of each character that GSM-7 can write; absent means it cannot. Immutable.
var gsm7Cost = func() map[rune]int {
	cost := make(map[rune]int)
	for _, r := range gsm7Basic {
		cost[r] = 1
	}
	for _, r := range gsm7Extension {
		cost[r] = 2
	}
	return cost
}()
