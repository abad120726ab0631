"""Words that people in Hungary often use in passwords."""

from typing import Final

from moziweb.movies.text_folding import fold, nfc

_WORDS: Final = """
moziweb mozi film filmek premier bemutató plakát vetítés jegy nézőtér vászon popcorn kritika
előzetes rendező színész szerkesztő szerkesztőség kezelő manager admin rendszergazda hírlevél
jelszó jelszavam titok titkos belépés bejelentkezés hozzáférés kód kulcs biztonság
valami nemtudom nemmondom mindegy akármi bármi semmi senki ezaz teszt próba minta szia sziasztok
hello helló üdvözlet szép jó rossz nagy kicsi szuper király menő csúcs
szeretlek szeretem szerelem szerelmem szeret szív szívem csillag csillagom angyal angyalom kincs
kincsem drágám édes édesem bébi baba babám cica cicám kiscica cicus cicamica macska macskám kutya
kutyám kutyus kiskutya ló lovacska nyuszi nyuszika maci mackó medve tigris oroszlán farkas sárkány
róka egér pillangó katica béka hal madár sas sólyom bagoly fecske tehén malac csirke méhecske
virág virágom rózsa tulipán ibolya orgona liliom nárcisz fa erdő hegy folyó tenger patak mező
nap napfény napsugár hold csillagok ég felhő eső hó szél vihar villám tűz víz föld
tavasz nyár ősz tél január február március április május június július augusztus szeptember október
november december hétfő kedd szerda csütörtök péntek szombat vasárnap karácsony húsvét szülinap
család anya anyu anyuka mama apa apu apuka papa testvér nagymama nagyi nagypapa gyerek barát
barátnő feleség férj lány fiú
alma almafa körte szilva barack cseresznye meggy málna eper szőlő dinnye banán narancs citrom
kenyér kifli sör bor pálinka kávé tea csoki csokoládé pizza lángos gulyás paprika kolbász szalonna
túró rudi túrórudi palacsinta
piros kék zöld sárga fehér fekete barna lila szürke rózsaszín arany ezüst
egy kettő három négy öt hat hét nyolc kilenc tíz száz ezer millió egykettőhárom
autó kocsi busz vonat motor bicikli repülő hajó ház lakás iroda iskola egyetem könyv zene
játék játékos foci labda meccs hajrá fradi ferencváros újpest honvéd vasas mtk kispest dvtk diósgyőr
puskás messi ronaldo
magyar magyarok magyarország hungary hungarian hungaria haza hazám szabadság isten jézus ámen
budapest debrecen szeged miskolc pécs győr nyíregyháza kecskemét székesfehérvár szombathely
szolnok tatabánya érd kaposvár sopron veszprém békéscsaba zalaegerszeg eger balaton duna tisza
európa erdély mátra bükk alföld dunántúl
pénz gazdag szerencse boldog boldogság remény béke élet halál világ álom hatalom erő munka
számítógép internet telefon egérke ablak asztal szék
nagy kovács tóth szabó horváth varga kiss kis molnár németh farkas balogh papp takács juhász lakatos
mészáros oláh simon rácz fekete szilágyi török fehér balázs gál szűcs kocsis pintér fodor orsós
szalai sipos magyar lukács gulyás bíró király katona lászló jakab bogdán balog sándor boros fazekas
kelemen antal somogyi váradi fülöp orosz vincze veres hegedűs deák budai pap bálint vörös szekeres
lengyel bodnár halász illés hajdu máté novák vass csonka major pál kozma
jános istván józsef ferenc zoltán attila gábor péter andrás tamás tibor zsolt imre lajos györgy
csaba gyula béla róbert dávid dániel ádám miklós károly krisztián norbert bence márk balázs roland
richárd gergő gergely viktor mihály árpád szabolcs ernő géza kálmán dezső levente milán marcell
áron botond kristóf nándor ákos barnabás zsombor benedek noel olivér patrik martin alex máté
mária erzsébet katalin ilona éva anna zsuzsanna zsuzsa margit julianna judit andrea ágnes ildikó
erika krisztina irén eszter magdolna mónika edit gabriella szilvia anita anikó viktória márta
vivien tímea rita dóra réka nikolett lilla petra bernadett klára piroska gizella terézia rozália
orsolya barbara beáta melinda zsófia hanna luca emma lili boglárka noémi fanni virág kinga csenge
panna kata kati juli zsuzsi erzsi mari panni laci pisti jani józsi feri zoli gabi peti andris tomi
zsolti imi lali gyuri gyuszi robi dani ádi miki karcsi krisz norbi viki niki
asdfghjkl aszdfghjkl yxcvbnm qwertz qwertzu qwertzuiop qwertzuiopőú asdfghjkléá íyxcvbnm
"""

COMMON_WORDS: Final = tuple(
    dict.fromkeys(each for word in _WORDS.split() for each in (nfc(word), fold(word)))
)
"""In lower case, with and without accents."""
