"""The small words that give a language away: articles, pronouns, prepositions, what questions begin with."""

from __future__ import annotations

from typing import Final

# By ISO 639-1; of languages that Latin letters write. `-Latn`: of another script, as many type it.
COMMON: Final = {
    "en": """a able about above according actually add added adds after again against ago ain't all allow allowed
        almost along already also always am among an and another answer any anybody anyone anything anyway apart
        appear apply are aren't around article as ask at ate avoid away back bad based be became because become been
        before began behind being below best better between big both bought briefly build built but buy by call
        called calling calls came can can't cannot card cause change changed changing charge check choose chose
        clear click close code come company compare contain contains correct cost costs could couldn't country
        create created current currently data date day days delete deliver describe did didn't difference different
        direct do does doesn't doing don't done double down due during each early easily easy eight either else
        email end enough enter even ever every everyone everything exactly example exist explain fact far fast few
        fill finally find first five fix follow following food for forget form forward found four free friend
        friends from full function funny gave get getting give given gives go goes going gone good got great group
        guess had hadn't half hand happen happened happens happy hard has hasn't have haven't having he he's hear
        heard hello help her here hers herself hi high him himself his hold home hour hours how how's however i i'd
        i'll i'm i've idea if important improve in include including increase inside instead interesting into is
        isn't it it's its itself job just keep kept kind knew know known language large last late later learn least
        leave left less let let's letter like line list little live lives long look looking lost lot love lower made
        main major make making many may maybe me mean meaning means meant meet message method might mine minute
        minutes money month months more morning most move much must my myself name names near need needed never new
        next night nine no nobody none nor not nothing now number numbers of off often oh ok old on once one only
        open option or order other others our ours out outside over own paid part pay people per perhaps phone pick
        place plan play please point possible price probably problem provide put question questions quick quickly
        rate rather read really reason reset return rid right run said same say says second see seem seen send
        sentence service set seven shall she she's short should should've shouldn't show side sign simple since
        single six small so sold some someone something soon sort sound speak spell start step still stop story
        stuff such suggest summarize suppose sure take talk team tell test text than thank thanks that that's the
        their theirs them themselves then there there's these they they're thing things think this those though
        thought three through thus time tip tips title to today together told tomorrow tonight too took top total
        toward towards track translate tried true try turn two type types under understand until up updated upon us
        use used useful user uses using usually value version very via wait walk want wanted was wasn't watch way we
        we're weather week weekend weeks well went were weren't what what're what's whatever when where where're
        where's whether which while who who's whole whom whose why will with within without won't word words work
        worked working works world worth would wouldn't write writes written wrong wrote y'all year years yes
        yesterday yet you you'd you'll you're you've young your yours yourself""",
    "de": """ab aber alle als also am an anderen auch auf aus bei beim bin bis bitte brauche bräuchte da damit dann
        das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch du durch
        ein eine einem einen einer eines er erkläre es etwas euch für gegen gibt habe haben hat hatte heute hier
        hinter ich ihm ihn ihr ihre im immer in ist ja jede jetzt kann kannst kein keine können lange machen man
        mehr mein meine meinem meinen meiner mich mir mit muss möchte nach nicht nichts noch nur oder ohne schon
        schreibe sehr sein seine seit sich sie sind so soll sollte sondern um und uns unser unter viel vom von vor
        wann war warum was welche welchem welchen welcher welches wenn wer werden wie wieder wieviel will wir wird
        wo wofür woher wohin wurde während zu zum zur zwischen über""",
    "fr": """afin ainsi alors après as au aucun aussi autre aux avant avec avez avoir avons ce cela celle celui ces
        cet cette chez combien comme comment contre coûte dans de depuis des deux donc donne du elle elles en encore
        entre est et eux explique faire fait faut fois il ils je jusque la laquelle le lequel les leur leurs lui là
        ma mais me meilleur meilleure meilleures meilleurs merci mes moi moins mon même ne nos notre nous on ont ou
        où par parce pas peut peux plus plusieurs pour pourquoi pourrais puis puisque qu quand que quel quelle
        quelles quels qui quoi sa sans se sera ses si son sont sous suis sur svp ta tes toi ton tous tout toute
        toutes trop très tu un une veux voici voilà vos votre voudrais vous à ça écris été être""",
    "es": """ahora al algo alguna alguno algún antes aquel aquí así aunque bien cada como con contra cosa cuando
        cuanto cuesta cuestan cuál cuáles cuándo cuánta cuántas cuánto cuántos cómo dame de debe debo del desde
        después donde dos dónde el ella ellas ellos en entre era eres es esa escribe ese eso esta estaba estado
        estar estas este esto estos está están estás explica favor fue fueron gracias ha hace hacer hacia han hasta
        hay he hola horas la las le les lo los mejor mejores mi mis mucho muy más mí nada necesito ni no nos
        nosotros nuestra nuestro otra otro para pero por porque puede pueden puedes puedo que quien quiero quisiera
        quién qué se ser si sido sin sobre solo son soy su sus sé sí también tan tener tengo tiene tienen todo todos
        tu tus tú un una uno unos usted ya yo él""",
    "pt": """agora ainda ao aos as até cada com como custa da das de dela dele depois do dos ela elas ele eles em
        entre era escreva essa esse esta este estou está estão eu explique fazer foi for gostaria horas há isso isto
        já lhe mais mas me melhor melhores mesmo meu meus minha minhas muito na nas nem no nos nossa nosso num numa
        não nós obrigado onde os ou para pela pelas pelo pelos pode podem por porque porquê posso pra preciso quais
        qual quando quanta quanto quantos que quem quero se sem ser será seu seus sobre sou sua suas são só também
        te tem tenho ter todas todos tudo um uma umas uns vai você vocês à às é""",
    "it": """abbiamo ad agli al alla alle allo anche ancora avere bisogno che chi ci ciò come con contro cosa costa
        così cui da dagli dai dal dalla dalle dammi dei del della delle dello deve devo di dopo dove due durante ed
        era essere fa fare fra gli grazie ha hai hanno ho il in io la le lei lo loro lui ma mai mentre mi mia mie
        miei migliore migliori mio molto negli nei nel nella nelle nello no noi non nostra nostro ogni oppure ore
        per perché più poi posso prima puoi può qual quale quali quando quanta quanti quanto quella quello questa
        queste questi questo qui sarà scrivi se sei senza si sia siamo solo sono spiega sta stato su sua sue sugli
        sul sulla suo suoi tra tu tua tuo tutti tutto un una uno vi voglio voi vorrei è""",
    "ca": """això al als amb aquest aquesta aquests cada com del dels des després dins doncs el ella els em en entre
        era escriu estan està fer fins ha han he hi ja la les li meu meus meva molt més necessito no nosaltres on
        per perquè però pot puc quan quant que qui quin quina què s'ha sense ser seu seva si sobre sóc són també tot
        tots un una us vaig vol vull és""",
    "nl": """aan al alle als alstublieft altijd andere ben bent bij daar dan dat de deze dit doe doen door dus een
        eens en er gaat geen geweest goed graag had heb hebben heeft hem het hier hij hoe hoeveel hun iets ik in is
        ja jaar je jij jouw jullie kan kunnen kunt maar maken meer men met mij mijn moet moeten na naar niet niets
        nog nu of om omdat ons onze ook op over te tegen toen tot tussen uit uw van vanuit veel voor waar waarmee
        waarom wanneer waren wat welk welke werd wie wij wil willen word worden wordt zal ze zei zich zij zijn zo
        zoals zonder zou""",
    "af": """aan baie begin by daar dat deur die dit dié een ek en gaan geen het hier hierdie hoe hoekom hulle hy hê
        in is jou julle jy kan maak maar meer met moet my na nie nog of om ons ook oor op sal se sy te tot uit van
        vir waar waarom wanneer wat watter wees weet wie word""",
    "sv": """alla allt andra att av bara behöver bli blir båda bör de den denna deras dess det detta dig din dina
        ditt du där då efter eller en ett finns från få får för före genom går gör göra ha hade han har hej henne
        hon honom hur icke in inga ingen inte jag kan kommer kunna man med mellan men mer min mina mitt mycket måste
        ni nu när någon något några och också om oss på samma sedan sig sin sina sitt ska skall skulle snälla som så
        till under upp ut utan vad var vara varför varit vem vi vid vilja vilka vilken vilket vill än är åt över""",
    "da": """ad af aldrig alle alt anden at bare blev blive bliver da de dem den denne der deres det dette dig din
        dine dit dog du efter eller en end er et fik flere for fordi fra få får før går gør gøre ham han har havde
        have hej hende her hos hun hvad hvem hver hvilke hvilken hvilket hvis hvor hvordan hvorfor hvornår ikke ind
        ingen intet jeg jer kan kommer kun kunne man mange med meget mellem men mere mig min mine mit mod må ned
        nogen noget nogle nu når og også om op os over på sammen selv sig sin skal skulle slet som så sådan til ud
        uden under var ved venligst vi vil ville være været ønsker""",
    "nb": """alle at av bare ble bli blir da de deg dem den denne der deres det dette din dine ditt du eller en enn
        er et ett etter for fordi fra få får før gjør gjøre går ha hadde han har hei henne her hos hun hva hvem hver
        hvilke hvilken hvilket hvis hvor hvordan hvorfor ikke ingen inn jeg kan kommer kunne man mange med meg
        mellom men mer min mine mitt mot mye må noe noen nå når og også om opp oss over på samme seg selv sin skal
        skulle slett som så til trenger ut uten var ved vennligst vi vil ville være vært ønsker""",
    "fi": """ei eikä eivät ennen entä et että haluaisin haluan he heidän hän häntä ilman itse ja jo joka jolla jonka
        jos jossa joten jotka kaikki kanssa kertoa kiitos kuin kuinka kuka kun kuten kyllä lisäksi lähellä me meidän
        mihin miksi mikä mikäli millainen milloin minkä minua minulla minulle minun minä missä mistä miten mitkä
        mitä mukaan mutta muut myös myöskin ne niiden niin niitä noin nyt ole olemme olen oli olisi olla on onko
        ovat paljon pitäisi pitää saanko se sekä sen siis siitä sillä sinun sinä sitten sitä tai tarvitsen te tuo
        tämä tämän tässä tätä vai vaikka vain voi voin voinko voisi voit""",
    "et": """aga ainult ega ehk ei enne et ette ise ja jah juba juures kas keda kes kogu koos kuhu kui kuid kuidas
        kus kust kõik küll läbi ma me mida miks millal mille milline mind minu minul mis mu mulle mõne mõni nad need
        neid nende nii ning nüüd oled oleks olen oli olla oma on palju palun pole pärast sa saab saaks saan seda see
        selle siin siis sina sind sinu sisse soovin ta tahaksin tahan te teda tema tuleb vaja veel väga või võib üks
        üle""",
    "pl": """aby albo ale ani bardzo bez by bym być był była było były chciałbym chcę ci ciebie co coś czy czyli
        czym dla dlaczego do gdy gdyby gdzie go ich ile im innych iż ja jak jaka jaki jakich jakie jakim jako je
        jego jej jest jestem jeszcze jeśli jeżeli już kiedy kogo kto która które którego której który których którym
        lub ma mam mi mnie mogę moich moja moje mojego mojej moją może można mu musi muszę mój na nad nam nas nasz
        nic nich nie nim niż od on ona one oni oraz po pod podczas potrzebuję poza proszę przed przez przy się są ta
        tak także tam te tego tej ten też to tu tylko tym we wiele wszystkie wszystko za zawsze ze został że żeby""",
    "cs": """aby ale ani ano asi až bez bude by byl byla bylo být chci chtěl chtěla co což do ho jak jako jaká jaké
        jaký je jeho jej jejich její jen jenž ještě ji jiné již jsem jsi jsme jsou jste já každý kde kdo kdy když
        kolik kterou která které který ku ma mezi mi mnou mně mohu moje moji má mám mé mít mě můj může můžu na nad
        nebo není než nic nám nás náš od on ona oni pak po pod podle pokud potřebuji pouze pro prosím proto protože
        proč před při se si sice své svého ta tak také tam tato tedy ten tento to toho tom tu ty té už ve vám vás
        váš více však za ze či že""",
    "sk": """aby ako aká aké akú aký ale alebo ani až bez bol bola bolo by byť chcel chcem do ešte ho iba ich ja je
        jeho jej každý kde kedy keď koľko kto ktorá ktoré ktorú ktorý ma medzi mi mne moja moje moju má mám môj môže
        môžem na nad nie nič nám nás od on ona oni po pod podľa potrebujem pre pred prečo pri prosím sa si so som
        ste svoj sú ta tak také tam ten tento to toho tom tu táto už viac vo vám vás však za zo áno či čo že""",
    "sl": """ali ampak bi bil bila bilo bo bodo brez da do ga hočem ima imam in iz jaz je jih jo kaj kako kakšen
        kakšna katera kateri katero kdaj kdo ker kje ko koliko kot lahko le ljudi me med mi moj moja moje mojega
        moram na naj naš ne ni nisem ob od on ona pa po pod potrebujem pred pri prosim sa se sem si smo so svoj
        svoje ta tako tega tem temu to tudi vas več vse za zakaj zelo če že želim""",
    "hr": """ako ali bez bi bila bili bilo bio biti da do dok ga gde gdje hoće ih ili im ima imam iz ja je jedan još
        kad kada kakav kako koja koje kojeg koji kojim koliko kroz li me mene mi mogu moj moja moje moju molim mora
        moram može možete na nakon nam nas ne nego neki nije nisam niti njegov od on ona oni ono ova ovaj ovo po pod
        pre pri prije promijeniti sa sam samo se si smo su sve svi svoj ta taj tako te tko to toga treba trebam uz
        vam vas vi više za zašto zbog će ću šta što želim""",
    "hu": """abban ahol akarok ami amikor annak arra az azok azt be csak de ebben egy egyik előtt ez ezek ezt fel ha
        hogy hogyan hol honnan hová hány hánykor igen is itt jó kell kerül ki kérem kérlek közben között le legyen
        lehet lesz ma meg mely melyik mennyi mennyibe mert mi miatt mikor milyen mint mit miért most már még nagyon
        ne nekem nem nincs olyan ott pedig rá sem szeretnék szeretném szerint tudod tudok tudom után vagy vagyok van
        vannak volt át él és úgy új ő""",
    "ro": """acea aceasta această acest acesta aceste acum al ale am ar are asta atunci au avea aș bine ca care ce
        cea cei cel cele cine costă cu cum când cât câte câți că căci către da dacă dar de deci decât despre din
        dintre doar după ea ei el ele eram este eu fi fie foarte fost fără iar la le lor lui mai mea mei mele meu mi
        mult mă ne nici nimic noi nostru nu or ori pe pentru poate pot prin rog sa sale sau se spre sub sunt sînt să
        te toate tot toți trebuie tu un una unde unei unor unui voi vrea vreau vă îi îl îmi în înainte între și""",
    "tr": """acaba ama ancak az bana bazı belki ben beni benim bir biraz biz bize bizim bu buna bundan bunlar bunu
        bunun burada da daha de defa değil diye en fakat gerek gibi hakkında hangi hem henüz hep hepsi her hiç ile
        ise istiyorum için kadar kaç ki kim kimin lütfen mi misin mu mü mı mısın nasıl ne neden nedir nerede nereden
        nereye niye niçin olan olarak oldu olduğu olmak olup olur on ona ondan onlar onu onun orada sana sanki sen
        seni senin siz size sizin sonra tüm var ve veya ya yani yapabilirim yapılır yaz yok zaman çok çünkü üzere
        şey şu""",
    "vi": """anh bao bạn bằng bị bởi cho chúng chưa chị các cách cái có cùng cần của em giúp giờ gì hay hãy khi
        không là làm lên lúc lại muốn mà mỗi một người nhiều như nhưng những nào này nên nó nếu phải qua ra rất sao
        sau sẽ số theo thì thế thể trong trên trước tôi tại từ viết việc và vào vì vẫn về với xin đang đi điều đâu
        đã đó được đến để ở""",
    "id": """ada adalah agar akan aku anda antara apa apakah atau bagaimana bahwa banyak bapak baru beberapa belum
        berikan bisa boleh buat bukan cara dalam dan dapat dari dengan di dia hanya hari harus ia ibu ingin ini itu
        jelaskan jika juga kalau kami kamu kapan karena ke kepada kita lagi lain lebih maka mana masih mau mengapa
        mereka mohon oleh pada para perlu saat saja sangat satu saya sebagai sebelum sebuah secara sedang seperti
        setelah siapa sudah supaya tanpa tapi telah tentang terhadap tersebut tidak tolong tulis ubah untuk yang""",
    "ms": """adakah awak bagaimanakah berapa boleh kenapa mahu mengenai nak sahaja tetapi tiada""",
    "tl": """aking ako ang ano at ay ba ba't bakit bilang dahil din dito gusto hindi ito iyon ka kailan kami kapag
        kaya ko kong kung maaari mag may mga mo na naman namin nang ng ngayon ni nila nito niya paano para po pwede
        sa saan sila sino siya tayo upang wala yung""",
    "sw": """ambao ambayo au baada bila cha gani hadi hapa hii hiyo huo huyu ili ingawa ipi je jinsi kama kati
        katika kila kuhusu kutoka kuwa kwa kwamba kwenda kwenye la lakini lini mimi na nani nataka naweza ni nini
        pia sana sasa si tu vipi wa wake wako wangu wao wapi watu wewe ya yake yako yangu yeye za zaidi""",
    "lt": """apie ar aš be bei bet buvo būti būtų dar dėl gal gali galima galiu galėčiau iki ir iš jau jei ji jis jo
        jos jų kad kada kai kaip kas kiek kiti kodėl kokia kokie koks kur kuri kurie kuris ką labai man mano manęs
        mes nei nes noriu norėčiau nuo nėra pagal pas per po prašau prie prieš reikia savo su tai taip tarp tas ten
        tik tos tu turi už visi visus yra į""",
    "lv": """ar arī bet bez bija būt cik cits es esmu gan gribu ir iz ja jau jā kad kas ko kur kura kuri kurš kā
        kādi kāds kādēļ kāpēc lai lūdzu man mana mani mans manu mēs mūsu nav ne nevar no par pat pie pirms pēc tad
        tam tas to tomēr tur tā tādēļ un uz vai var varu viss visu viņa viņi viņš vēl vēlos ļoti šis šo šī""",
    "sq": """ai ajo apo ashtu ata atë bëj bën cila cilat cili dhe do dua duhet edhe ende im ime in jam janë jo ka
        kam kanë ke kjo ku kur kush kushton ky këtë le lutem me mua mund mundem më na ne nga një nuk në oh pas po
        pse për qenë që sa saj se shumë si sipas te ti tij të unë çfarë është""",
    "is": """af alla allt annað að ef ekki en enn er eru eða frá fyrir fá hann hans hef hefur hvar hvað hvenær hver
        hverjir hvernig hvers hér hún inn já meira með mig minn mitt mjög mér mín nei nú og okkur saman sem sig sinn
        svo sér til um upp var vegna vera verið við yfir ég í úr þar þau það þegar þeim þeir þess þessi þetta þá þær
        þú""",
    "cy": """ac am ar ble bod chi ddim dw fel fi fy gallaf gan gyda hwn hyn hynny iawn mae mewn neu ni nid oedd oes
        ond os pa pam pan pryd pwy roedd rwy'n rwyf sut sy'n sydd un wedi wrth ydw ydy yn yr yw""",
    "ga": """ach agus an ar atá bhí cad cathain chun conas cá cé den do faoi fuair go is le liom mar mo mé na nach
        ní níl seo sin sé sí tá tú ó""",
    "eu": """ala aurrera bai baina bat batean beste da dago dira ditu du dut dute egin egiten ere eta ez gara hau
        hori horren izan nahi naiz nire noiz nola nolako non nondik nor norberaren nork ote zein zen zer zergatik
        zure""",
    "gl": """ao aos así aínda cal cales co coa coas como cos da das de dende do dos ela ele eles en entre está están
        eu facer foi hai ir isto me meu miña moi máis na nas no non nos onde os ou para pero pode podo polo por
        porque que quen quero se sen ser sobre son súa tamén teño todo un unha xa é""",
    "hi-Latn": """aap aapka aapke apna apne apni bahut batao chahiye hai hain hoga hota hum humein ka kab kaha kahan
        kaise kar karen karna karne karo kaun ke ki kitna kitne kitni ko koi kya kyon kyun mein mera mere meri mujhe
        nahi nahin par raha rahe rahi sakta sakte tha thi tum tumhara wala woh ye yeh""",
    "ja-Latn": """anata arimasen arimasu dake dare demo deshita desu doko dono dou hoho ikura imasu kara kudasai
        made masen nani naze nihongo onegai shimasu shitai sore suru tabetai watashi""",
    "ru-Latn": """chto dlya eto gde kak kakoy kogda kto kuda mne mogu moi moya moyu mozhno nado nuzhno pochemu
        pozhaluysta skolko ya zachem zakaz""",
    "zh-Latn": """duoshao haiyou keyi meiyou nali nihao qing shenme shihou weishenme wode women xiang xiexie zenme
        zenyang zhege""",
    "uz": """bilan bo'ladi bormi bu edi emas ham kerak menga mening mumkin nega nima qachon qancha qanday qayerda
        qayerdan qaysi uchun va yo'q yoki""",
    "ha": """amma cikin daga don ina ko mene menene nawa shi su ta wane wani wannan yadda yake yana yaushe yaya zan
        zuwa""",
    "so": """ayaa baan ha halkee iyo kasta laga leh maxaa maxay oo sidee waa waan wax xaggee""",
    "eo": """al de en estas kaj kial kie kiel kio kiom kiu la mi mia mian ne ni por povas se sed tio vi via ĉi ĉu""",
}

# Of those: what is a word, a name or an abbreviation in other languages, too.
ELSEWHERE: Final = """ab ac ad af ai al ali alla alt am ami an ar au av az ba bare bat be begin bei ben bent bet bez
    bi bin bo bu ca cad care ce che chi co com comment con cos costa da dal dan dare das de deg del della demo den
    der des dia die dies dir do dog doko don dono door dos du ed el en er era es est et eta eto eu fa far fare gal
    gusto ha ham han hans hat her hi him ho hoe horas hum im in ina ind inn io is it jam je ka kar kaya ke ki kim ko
    kong kuda kun la laga le li lo los ma made mae mag mai man mas me mein men mere met min mina mind mine mis mit
    mod moi mu nada nali ned no nog non num of on ons op or ore os oss pa pak pam pan par para pas pat pe per pie
    plus po pod pot pour pre pro quant sa sal sale sam sao sedan sen sense seo sera shi si sie sin size slet so solo
    som son sore sta su sub suo ta tam tema ten ti til till tip to tom ton top tu tum um una us va van var vera vol
    von wake war wat wax we wo women xiang ya yang ye yo zan zen"""
